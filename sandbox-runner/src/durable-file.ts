import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** Throws when not all of it could be written: the disk is full. */
function writeAll(handle: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(handle, bytes, written);
}

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
    writeAll(handle, typeof content === 'string' ? Buffer.from(content) : content);
    fsyncSync(handle);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  } finally {
    closeSync(handle);
  }
  renameSync(draft, path);
  syncFolder(dirname(path));
}

/**
 * Appends one line and returns once it is on the disk; on a full one nothing is appended. A crash may leave a torn
 * last line: see `completeLines`.
 */
export function appendDurably(path: string, line: string): void {
  const handle = openSync(path, 'a', 0o600);
  const { size } = fstatSync(handle);
  try {
    writeAll(handle, Buffer.from(`${line}\n`));
    fsyncSync(handle);
  } catch (error) {
    // Half a line would be glued to the next one.
    ftruncateSync(handle, size);
    throw error;
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
