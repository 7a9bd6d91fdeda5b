import { parseArgs } from 'node:util';
import { type ScenarioName, scenarioNames } from './scenarios/names.ts';

export interface DemoArguments {
  scenario: ScenarioName;
  repo: string | null;
  defect: string | null;
  keep: boolean;
  docker: boolean;
  model: 'twin' | 'real';
  /** Where the incident is written as the API tells it, at the end; null: nowhere. */
  journal: string | null;
}

export const usage = `npm run demo -- [options]
  --scenario NAME     ${scenarioNames.join(' | ')} (default main)
  --repo DIR          a small Node repository of yours, with a test command
  --defect FILE.patch what a developer breaks in it (git apply reads it)
  --keep              leave everything running, with its URLs
  --no-docker         run the agent as a plain process: isolates nothing
  --model real        a real model, with ANTHROPIC_API_KEY
  --journal FILE      write the incident, its journal and its state there at the end`;

/** Throws an Error whose message says what is wrong with the arguments. */
export function parseDemoArguments(argv: string[]): DemoArguments {
  const { values } = parseArgs({
    args: argv,
    options: {
      scenario: { type: 'string', default: 'main' },
      repo: { type: 'string' },
      defect: { type: 'string' },
      keep: { type: 'boolean', default: false },
      'no-docker': { type: 'boolean', default: false },
      model: { type: 'string', default: 'twin' },
      journal: { type: 'string' },
    },
  });
  const scenario = scenarioNames.find((name) => name === values.scenario);
  if (!scenario) throw new Error(`there is no scenario ${values.scenario}\n${usage}`);
  if (values.model !== 'twin' && values.model !== 'real')
    throw new Error(`--model is real or left out\n${usage}`);
  if ((values.repo === undefined) !== (values.defect === undefined))
    throw new Error(`--repo and --defect go together\n${usage}`);
  if (values.repo && scenario !== 'main' && scenario !== 'branch')
    throw new Error('a repository of yours goes with the scenarios main and branch');
  return {
    scenario,
    repo: values.repo ?? null,
    defect: values.defect ?? null,
    keep: values.keep,
    docker: !values['no-docker'],
    model: values.model,
    journal: values.journal ?? null,
  };
}
