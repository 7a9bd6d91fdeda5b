import { endWithUsage, readOptions } from '../options.ts';
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

const USAGE = `npm run demo -- [options]
  --scenario NAME     ${scenarioNames.join(' | ')} (default main)
  --repo DIR          a small Node repository of yours, with a test command
  --defect FILE.patch what a developer breaks in it (git apply reads it)
  --keep              leave everything running, with its URLs
  --no-docker         run the agent as a plain process: isolates nothing
  --model real        a real model, with ANTHROPIC_API_KEY
  --journal FILE      write the incident, its journal and its state there at the end`;

/** Arguments that do not fit end the program with its usage. */
export function readDemoArguments(): DemoArguments {
  const values = readOptions(USAGE, {
    scenario: { type: 'string', default: 'main' },
    repo: { type: 'string' },
    defect: { type: 'string' },
    keep: { type: 'boolean', default: false },
    'no-docker': { type: 'boolean', default: false },
    model: { type: 'string', default: 'twin' },
    journal: { type: 'string' },
  });
  const wrong = (fault: string): never => endWithUsage(fault, USAGE);
  const { model } = values;
  const scenario = scenarioNames.find((name) => name === values.scenario);
  if (!scenario) return wrong(`there is no scenario ${values.scenario}`);
  if (model !== 'twin' && model !== 'real') return wrong('--model is real or left out');
  if ((values.repo === undefined) !== (values.defect === undefined))
    return wrong('--repo and --defect go together');
  if (values.repo && scenario !== 'main' && scenario !== 'branch')
    return wrong('a repository of yours goes with the scenarios main and branch');
  return {
    scenario,
    repo: values.repo ?? null,
    defect: values.defect ?? null,
    keep: values.keep,
    docker: !values['no-docker'],
    model,
    journal: values.journal ?? null,
  };
}
