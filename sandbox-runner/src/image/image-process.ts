import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';

export interface ProcessEnd {
  exitCode: number;
  /** The last lines, for an error's text. */
  tail: string;
}

/** Runs a long program and hears each line it says. A program that is not there ends with 127. */
export function runProcess(
  command: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv },
  onLine: (line: string) => void,
): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const tail: string[] = [];
    const hear = (line: string) => {
      tail.push(line);
      if (tail.length > 15) tail.shift();
      onLine(line);
    };
    createInterface({ input: child.stdout }).on('line', hear);
    createInterface({ input: child.stderr }).on('line', hear);
    child.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ exitCode: error.code === 'ENOENT' ? 127 : 126, tail: error.message }),
    );
    child.on('close', (code) => resolve({ exitCode: code ?? 1, tail: tail.join('\n') }));
  });
}

/** A folder as a tar stream, by the system's own tar. Ends with an error when tar fails. */
export function tarFolder(folder: string, paths: string[], exclude: string[] = []): NodeJS.ReadableStream {
  const flags = ['--numeric-owner', '--owner=0', '--group=0', '--sort=name', '--mtime=@0'];
  return tarStream([
    '-C',
    folder,
    ...flags,
    ...exclude.map((each) => `--exclude=${each}`),
    '-cf',
    '-',
    ...paths,
  ]);
}

/** A root file system as it stands, owners and modes included. */
export function tarRoot(folder: string, exclude: string[]): NodeJS.ReadableStream {
  return tarStream([
    '-C',
    folder,
    '--numeric-owner',
    ...exclude.map((each) => `--exclude=${each}`),
    '-cf',
    '-',
    '.',
  ]);
}

function tarStream(args: string[]): NodeJS.ReadableStream {
  const child = spawn('tar', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  // Read from at once: Node throws away what a finished child has said and nobody has begun to read.
  const tar = new PassThrough();
  child.stdout.pipe(tar, { end: false });
  child.on('error', (error) => tar.destroy(error));
  child.on('close', (code) => {
    if (code === 0) tar.end();
    else tar.destroy(new Error(`tar ended with ${code}`));
  });
  return tar;
}
