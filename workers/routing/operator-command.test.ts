import { expect, it } from 'vitest';
import { parseOperatorCommand } from './operator-command.ts';

it.each([
  ['check the pipeline', 'check_pipeline'],
  ['@Team check the pipeline', 'check_pipeline'],
  ['@team, Check The Pipeline please', 'check_pipeline'],
  ['check pipelines', 'check_pipeline'],
  ['/status', 'status'],
  ['/Status@DogwatchBot now', 'status'],
  ['/incidents', 'incidents'],
  ['/help', 'help'],
  ['/start', 'help'],
  ['/stop', 'stop'],
  ['/resume', 'resume'],
  ['/stopp', 'unknown'],
  ['stop', 'unknown'],
  ['do not check the pipeline', 'unknown'],
  ['', 'unknown'],
])('%j is %s', (text, kind) => {
  expect(parseOperatorCommand(text).kind).toBe(kind);
});
