/** The text of build logs: timestamps, and the banner and footer that the Bash and Command line tasks print. */
import { azureTime, type Build, type BuildLog } from './world.ts';

export type TaskBanner = { task: string; description: string; version: string; author: string; help: string };

const rule = '='.repeat(78);

export const commandLineBanner: TaskBanner = {
  task: 'Command line',
  description: 'Run a command line script using Bash on Linux and macOS and cmd.exe on Windows',
  version: '2.250.1',
  author: 'Microsoft Corporation',
  help: 'https://docs.microsoft.com/azure/devops/pipelines/tasks/utility/command-line',
};

export const bashBanner: TaskBanner = {
  task: 'Bash',
  description: 'Run a Bash script on macOS, Linux, or Windows',
  version: '3.250.1',
  author: 'Microsoft Corporation',
  help: 'https://docs.microsoft.com/azure/devops/pipelines/tasks/utility/bash',
};

export const checkoutBanner: TaskBanner = {
  task: 'Get sources',
  description: 'Get sources from a repository. Supports Git, TfsVC, and SVN repositories.',
  version: '1.0.0',
  author: 'Microsoft',
  help: '[More Information](https://go.microsoft.com/fwlink/?LinkId=798199)',
};

export function newLog(build: Build, at: number): BuildLog {
  const log: BuildLog = { id: build.logs.length + 1, createdAt: at, changedAt: at, lines: [] };
  build.logs.push(log);
  return log;
}

/** A line may hold several: each gets the same timestamp. */
export function writeLog(log: BuildLog, text: string, at: number): void {
  const stamp = azureTime(at);
  for (const line of text.split('\n')) log.lines.push(`${stamp} ${line}`);
  log.changedAt = at;
}

export function bannerLines(banner: TaskBanner): string[] {
  return [
    rule,
    `Task         : ${banner.task}`,
    `Description  : ${banner.description}`,
    `Version      : ${banner.version}`,
    `Author       : ${banner.author}`,
    `Help         : ${banner.help}`,
    rule,
  ];
}

/** What stands between the banner and the output. Like the real task it shows the script only where it is one line. */
export function scriptLines(kind: 'script' | 'bash', script: string, scriptFile: string): string[] {
  const text = script.trim();
  const showsScript = !text.includes('\n') && !/##vso\[/i.test(text);
  const command =
    kind === 'script'
      ? `[command]/usr/bin/bash --noprofile --norc ${scriptFile}`
      : `[command]/usr/bin/bash ${scriptFile}`;
  return [
    'Generating script.',
    ...(showsScript ? ['Script contents:', text] : []),
    '========================== Starting Command Output ===========================',
    command,
  ];
}

/** Cuts a stream into lines; what follows the last newline waits for more, or for `rest()`. */
export function lineCutter(onLine: (line: string) => void): { push(text: string): void; rest(): void } {
  let waiting = '';
  return {
    push(text) {
      const lines = (waiting + text).split('\n');
      waiting = lines.pop() ?? '';
      for (const line of lines) onLine(line.replace(/\r$/, ''));
    },
    rest() {
      if (waiting !== '') onLine(waiting);
      waiting = '';
    },
  };
}
