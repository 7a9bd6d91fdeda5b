import type { Command } from './command.ts';

export const stop: Command = {
  usage: 'stop   (ends every session; what arrives is kept)',
  async run(api) {
    const { killed, unreachableRuns } = await api.send<{ killed: number; unreachableRuns: string[] }>(
      'POST',
      '/api/stop',
    );
    const silent =
      unreachableRuns.length === 0
        ? ''
        : `\nCould not be reached, and ends with its lease: ${unreachableRuns.join(', ')}.`;
    return `Stopped: ${killed} sessions ended. Nothing new begins; what arrives is kept.${silent}`;
  },
};

export const resume: Command = {
  usage: 'resume   (goes on where it was)',
  async run(api) {
    await api.send('POST', '/api/resume');
    return 'Resumed.';
  },
};
