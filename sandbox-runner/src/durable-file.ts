import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Replaces a file as a whole: after a crash there is the old content or the new, never a part. */
export function writeDurably(path: string, content: string | Uint8Array): void {
  const draft = `${path}.draft`;
  const handle = openSync(draft, 'w', 0o600);
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    for (let written = 0; written < bytes.length; ) written += writeSync(handle, bytes, written);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(draft, path);
  syncFolder(dirname(path));
}

/** Appends one line and returns once it is on the disk. A crash may leave a torn last line: see `completeLines`. */
export function appendDurably(path: string, line: string): void {
  const handle = openSync(path, 'a', 0o600);
  try {
    writeSync(handle, `${line}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** The complete lines of an appended file and, separately, whether a torn one followed. */
export function completeLines(text: string): { lines: string[]; torn: boolean } {
  const lines = text.split('\n');
  const last = lines.pop() ?? '';
  return { lines, torn: last !== '' };
}
