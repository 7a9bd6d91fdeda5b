// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the sources of other programs.
/** Small repositories with a defect in them, of many shapes; none needs a package. Used by the strategy's tests. */
import type { CommitFiles } from './repositories.ts';

export type Scenario = {
  name: string;
  commits: CommitFiles[];
  command: string | undefined;
  /** Index of the last green commit; undefined when it is not known. */
  lastGreen: number | undefined;
  outcome: 'fixed' | 'not_code' | 'not_diagnosable';
  proof?: 'test' | 'command';
  /** Text that must be in a file at the end; and, with `gone`, must not. */
  ends?: { file: string; has?: string; gone?: string }[];
};

const manifest = (scripts: Record<string, string>, more: Record<string, unknown> = {}): string =>
  `${JSON.stringify({ name: 'sample', version: '1.0.0', private: true, ...more, scripts }, null, 2)}\n`;

const lines = (...text: string[]): string => `${text.join('\n')}\n`;

const pager = (last: string): string =>
  lines(
    '/** Splits a list into pages. */',
    'export function pages(items, size) {',
    '  const result = [];',
    `  for (let start = 0; start ${last} items.length; start += size) {`,
    '    result.push(items.slice(start, start + size));',
    '  }',
    '  return result;',
    '}',
  );

const pagerTest = lines(
  "import assert from 'node:assert/strict';",
  "import { test } from 'node:test';",
  "import { pages } from '../src/pages.js';",
  '',
  "test('a full list has no empty last page', () => {",
  '  assert.equal(pages([1, 2, 3, 4], 2).length, 2);',
  '});',
  '',
  "test('a list shorter than a page is one page', () => {",
  '  assert.deepEqual(pages([1], 5), [[1]]);',
  '});',
);

const offByOne: Scenario = {
  name: 'an off-by-one in an ES module with node:test',
  command: 'npm test',
  lastGreen: 0,
  outcome: 'fixed',
  proof: 'test',
  ends: [{ file: 'src/pages.js', has: 'start < items.length' }],
  commits: [
    {
      message: 'Pages of a list',
      files: {
        'package.json': manifest({ test: 'node --test' }, { type: 'module' }),
        'src/pages.js': pager('<'),
        'test/pages.test.js': pagerTest,
      },
    },
    { message: 'Tidy the loop', files: { 'src/pages.js': pager('<=') } },
  ],
};

const price = (factor: string, rounding = 'Math.round(cents)'): string =>
  lines(
    'export type Line = { cents: number; count: number };',
    '',
    'export function total(items: Line[], percentOff = 0): number {',
    '  const sum = items.reduce((all, item) => all + item.cents * item.count, 0);',
    `  const cents = sum * (1 - percentOff / ${factor});`,
    `  return ${rounding};`,
    '}',
  );

const typeStripped: Scenario = {
  name: 'TypeScript run by type stripping, the last green commit not known',
  command: 'node --test "test/**/*.test.ts"',
  lastGreen: undefined,
  outcome: 'fixed',
  proof: 'test',
  ends: [{ file: 'src/price.ts', has: 'percentOff / 100' }],
  commits: [
    {
      message: 'Prices',
      files: {
        'package.json': manifest({ test: 'node --test "test/**/*.test.ts"' }, { type: 'module' }),
        'src/price.ts': price('100'),
        'test/price.test.ts': lines(
          "import assert from 'node:assert/strict';",
          "import { describe, it } from 'node:test';",
          "import { total } from '../src/price.ts';",
          '',
          "describe('total', () => {",
          "  it('sums the lines', () => {",
          '    assert.equal(total([{ cents: 250, count: 2 }]), 500);',
          '  });',
          '',
          "  it('takes a discount off', () => {",
          '    assert.equal(total([{ cents: 1000, count: 1 }], 15), 850);',
          '  });',
          '});',
        ),
      },
    },
    { message: 'Discounts in per mille', files: { 'src/price.ts': price('1000') } },
  ],
};

const range = (operator: string): string =>
  lines(
    "'use strict';",
    '',
    `exports.inRange = (value, low, high) => value >= low && value ${operator} high;`,
  );

const plainScript: Scenario = {
  name: 'a wrong operator in a CommonJS module with a plain assert script',
  command: 'node test.js',
  lastGreen: 0,
  outcome: 'fixed',
  proof: 'test',
  ends: [{ file: 'lib/range.js', has: 'value <= high' }],
  commits: [
    {
      message: 'Ranges',
      files: {
        'package.json': manifest({ test: 'node test.js' }),
        'lib/range.js': range('<='),
        'test.js': lines(
          "'use strict';",
          "const assert = require('assert');",
          "const { inRange } = require('./lib/range');",
          '',
          'assert.strictEqual(inRange(3, 1, 5), true);',
          'assert.strictEqual(inRange(5, 1, 5), true);',
          'assert.strictEqual(inRange(6, 1, 5), false);',
          "console.log('ok');",
        ),
      },
    },
    { message: 'Simplify', files: { 'lib/range.js': range('<') } },
  ],
};

const slug = (join: string): string =>
  lines(
    'export function slug(title) {',
    `  return title.toLowerCase().split(/\\s+/).filter(Boolean).join('${join}');`,
    '}',
  );

const slugTest = lines(
  "import assert from 'node:assert/strict';",
  "import { beforeEach, describe, it } from 'node:test';",
  "import { slug } from '../src/slug.js';",
  '',
  "describe('slug', () => {",
  '  let title;',
  '  beforeEach(() => {',
  "    title = 'Hello  Brave World';",
  '  });',
  '',
  "  it('joins words with a dash', () => {",
  "    assert.equal(slug(title), 'hello-brave-world');",
  '  });',
  '});',
);

const earlierCommit: Scenario = {
  name: 'a defect in an earlier one of several commits, the test in describe with beforeEach',
  command: 'node --test',
  lastGreen: 0,
  outcome: 'fixed',
  proof: 'test',
  ends: [
    { file: 'src/slug.js', has: "join('-')" },
    { file: 'src/greet.js', has: 'Good day' },
    { file: 'README.md', has: 'More words' },
  ],
  commits: [
    {
      message: 'Slugs',
      files: {
        'package.json': manifest({ test: 'node --test' }, { type: 'module' }),
        'src/slug.js': slug('-'),
        'src/greet.js': 'export const greet = (name) => `Hello ${name}`;\n',
        'test/slug.test.js': slugTest,
        'README.md': 'Words\n',
      },
    },
    { message: 'Underscores look better', files: { 'src/slug.js': slug('_') } },
    {
      message: 'Politer greeting',
      files: { 'src/greet.js': 'export const greet = (name) => `Good day ${name}`;\n' },
    },
    { message: 'Explain more', files: { 'README.md': 'Words\n\nMore words\n' } },
  ],
};

const zones = (fallback: string, log: string): string =>
  lines(
    "import { surcharge } from './surcharge.js';",
    '',
    'const base = { near: 500, far: 900 };',
    '',
    'export function zoneOf(code) {',
    "  return code.startsWith('1') ? 'near' : 'far';",
    '}',
    '',
    'export function describeZone(code) {',
    `  return ${log};`,
    '}',
    '',
    'export function quote(code, grams) {',
    `  const start = base[zoneOf(code)] ?? ${fallback};`,
    '  return start + surcharge(grams);',
    '}',
  );

const charge = (limit: string): string =>
  lines('export function surcharge(grams) {', `  return grams > ${limit} ? 250 : 0;`, '}');

const zonesTest = (path: string): string =>
  lines(
    "import assert from 'node:assert/strict';",
    "import test from 'node:test';",
    `import { quote, describeZone } from '../src/${path}';`,
    '',
    "test('light parcels pay no surcharge', () => {",
    "  assert.strictEqual(quote('10115', 900), 500);",
    '});',
    '',
    "test('parcels over two kilos pay a surcharge', () => {",
    "  assert.strictEqual(quote('80331', 2500), 1150);",
    '});',
    '',
    "test('a zone has a description', () => {",
    "  assert.match(describeZone('10115'), /near/);",
    '});',
  );

const innocentHunks: Scenario = {
  name: 'a guilty hunk among innocent ones and a rename, with a new feature and its test',
  command: 'node --test',
  lastGreen: 0,
  outcome: 'fixed',
  proof: 'test',
  ends: [
    { file: 'src/surcharge.js', has: 'grams > 2000' },
    { file: 'src/quotes.js', has: 'zone ${zoneOf(code)}' },
    { file: 'test/labels.test.js', has: 'label' },
  ],
  commits: [
    {
      message: 'Quotes',
      files: {
        'package.json': manifest({ test: 'node --test' }, { type: 'module' }),
        'src/zones.js': zones('700', 'zoneOf(code)'),
        'src/surcharge.js': charge('2000'),
        'test/quote.test.js': zonesTest('zones.js'),
      },
    },
    {
      message: 'Labels; rename zones to quotes',
      files: {
        'src/zones.js': null,
        'src/quotes.js': zones('800', '`zone ${zoneOf(code)}`'),
        'src/surcharge.js': charge('20000'),
        'src/labels.js': 'export const label = (code) => `to ${code}`;\n',
        'test/quote.test.js': zonesTest('quotes.js'),
        'test/labels.test.js': lines(
          "import assert from 'node:assert/strict';",
          "import test from 'node:test';",
          "import { label } from '../src/labels.js';",
          '',
          "test('a label names the code', () => {",
          "  assert.equal(label('1'), 'to 1');",
          '});',
        ),
      },
    },
  ],
};

const deletedFile: Scenario = {
  name: 'a file that is still needed was deleted',
  command: 'node --test',
  lastGreen: 0,
  outcome: 'fixed',
  proof: 'test',
  ends: [{ file: 'src/units.js', has: 'gramsPerPound' }],
  commits: [
    {
      message: 'Weights',
      files: {
        'package.json': manifest({ test: 'node --test' }, { type: 'module' }),
        'src/units.js': 'export const gramsPerPound = 454;\n',
        'src/weight.js': lines(
          "import { gramsPerPound } from './units.js';",
          'export const grams = (pounds) => pounds * gramsPerPound;',
        ),
        'src/other.js': 'export const other = 1;\n',
        'test/weight.test.js': lines(
          "import assert from 'node:assert/strict';",
          "import test from 'node:test';",
          "import { grams } from '../src/weight.js';",
          '',
          "test('pounds become grams', () => assert.equal(grams(2), 908));",
        ),
      },
    },
    {
      message: 'Remove dead code',
      files: { 'src/units.js': null, 'src/other.js': 'export const other = 2;\n' },
    },
  ],
};

const dataFile: Scenario = {
  name: 'a wrong figure in a JSON file',
  command: 'node --test',
  lastGreen: 0,
  outcome: 'fixed',
  proof: 'test',
  ends: [
    { file: 'data/rates.json', has: '"express": 1490' },
    { file: 'data/rates.json', has: '"islands": 2100' },
  ],
  commits: [
    {
      message: 'Rates',
      files: {
        'package.json': manifest({ test: 'node --test' }, { type: 'module' }),
        'data/rates.json': '{\n  "standard": 590,\n  "express": 1490,\n  "bulky": 2990\n}\n',
        'src/rates.js': lines(
          "import { readFileSync } from 'node:fs';",
          "const rates = JSON.parse(readFileSync(new URL('../data/rates.json', import.meta.url), 'utf8'));",
          'export const rate = (service) => rates[service];',
        ),
        'test/rates.test.js': lines(
          "import assert from 'node:assert/strict';",
          "import test from 'node:test';",
          "import { rate } from '../src/rates.js';",
          '',
          "for (const [service, cents] of [['standard', 590], ['express', 1490]]) {",
          '  test(`${service} has its rate`, () => {',
          '    assert.equal(rate(service), cents);',
          '  });',
          '}',
        ),
      },
    },
    {
      message: 'Rates of the new year',
      files: {
        'data/rates.json':
          '{\n  "standard": 590,\n  "express": 1940,\n  "bulky": 2990,\n  "islands": 2100\n}\n',
      },
    },
  ],
};

const ownLint: Scenario = {
  name: 'a lint rule broken by an added line',
  command: 'npm run lint',
  lastGreen: 0,
  outcome: 'fixed',
  proof: 'command',
  ends: [
    { file: 'src/a.js', gone: 'console.log' },
    { file: 'src/a.js', has: 'twice' },
  ],
  commits: [
    {
      message: 'A module',
      files: {
        'package.json': manifest({ lint: 'node lint.js', test: 'node --test' }, { type: 'module' }),
        'lint.js': lines(
          "import { readdirSync, readFileSync } from 'node:fs';",
          'let errors = 0;',
          "for (const name of readdirSync('src')) {",
          "  readFileSync(`src/${name}`, 'utf8').split('\\n').forEach((line, index) => {",
          "    if (!line.includes('console.log')) return;",
          '    errors += 1;',
          '    console.error(`src/${name}:${index + 1}:1 error no-console Unexpected console statement`);',
          '  });',
          '}',
          'if (errors) {',
          '  console.error(`${errors} problem(s) found by lint`);',
          '  process.exit(1);',
          '}',
        ),
        'src/a.js': 'export const once = (value) => value;\n',
        'test/a.test.js': lines(
          "import assert from 'node:assert/strict';",
          "import test from 'node:test';",
          "import * as a from '../src/a.js';",
          "test('once', () => assert.equal(a.once(1), 1));",
        ),
      },
    },
    {
      message: 'Twice',
      files: {
        'src/a.js': lines(
          'export const once = (value) => value;',
          '',
          'export function twice(value) {',
          '  console.log(value);',
          '  return 2 * value;',
          '}',
        ),
        'test/a.test.js': lines(
          "import assert from 'node:assert/strict';",
          "import test from 'node:test';",
          "import * as a from '../src/a.js';",
          "test('once', () => assert.equal(a.once(1), 1));",
          "test('twice', () => assert.equal(a.twice(2), 4));",
        ),
      },
    },
  ],
};

const stock = (take: string, guard: string): string =>
  lines(
    'export class Stock {',
    '  constructor(count) {',
    '    this.count = count;',
    '  }',
    '',
    '  take(amount) {',
    `    if (amount ${guard} this.count) throw new RangeError('not enough');`,
    `    ${take}`,
    '    return this.count;',
    '  }',
    '}',
  );

const twoDefects: Scenario = {
  name: 'two defects in one commit, each with its failing test; the command is not known',
  command: undefined,
  lastGreen: 0,
  outcome: 'fixed',
  proof: 'test',
  ends: [
    { file: 'src/stock.js', has: 'amount > this.count' },
    { file: 'src/stock.js', has: 'this.count -= amount' },
  ],
  commits: [
    {
      message: 'Stock',
      files: {
        'package.json': manifest({ test: 'node --test' }, { type: 'module' }),
        'src/stock.js': stock('this.count -= amount;', '>'),
        'test/stock.test.js': lines(
          "import assert from 'node:assert/strict';",
          "import test from 'node:test';",
          "import { Stock } from '../src/stock.js';",
          '',
          "test('taking lowers the count', () => {",
          '  assert.equal(new Stock(5).take(2), 3);',
          '});',
          '',
          "test('the last piece can be taken', () => {",
          '  assert.doesNotThrow(() => new Stock(1).take(1));',
          '});',
        ),
      },
    },
    { message: 'Rework', files: { 'src/stock.js': stock('this.count = this.count + amount;', '>=') } },
  ],
};

const notCode: Scenario = {
  name: 'a failure that does not happen here',
  command: 'node --test',
  lastGreen: 0,
  outcome: 'not_code',
  commits: [offByOne.commits[0] as CommitFiles, { message: 'Words', files: { 'README.md': 'Words\n' } }],
};

const unexplained: Scenario = {
  name: 'a failure that no commit explains',
  command: 'node --test',
  lastGreen: 0,
  outcome: 'not_diagnosable',
  commits: [
    {
      message: 'Broken from the start',
      files: {
        'package.json': manifest({ test: 'node --test' }, { type: 'module' }),
        'src/pages.js': pager('<='),
        'test/pages.test.js': pagerTest,
      },
    },
    { message: 'Words', files: { 'src/words.js': 'export const words = 1;\n' } },
    { message: 'More words', files: { 'src/words.js': 'export const words = 2;\n' } },
  ],
};

const changedExpectation: Scenario = {
  name: 'the expectation itself was changed by mistake',
  command: 'node --test',
  lastGreen: 0,
  outcome: 'fixed',
  proof: 'command',
  ends: [{ file: 'test/pages.test.js', has: 'length, 2' }],
  commits: [
    offByOne.commits[0] as CommitFiles,
    {
      message: 'Rework the tests',
      files: { 'test/pages.test.js': pagerTest.replace('length, 2', 'length, 3') },
    },
  ],
};

const brackets = (inner: string[]): string =>
  lines('export function first(list) {', '  if (list.length === 0) {', ...inner, '  return list[0];', '}');

const cannotLoad: Scenario = {
  name: 'a syntax error, so that no test of the file can run; lines end in CR LF',
  command: 'node --test',
  lastGreen: 0,
  outcome: 'fixed',
  proof: 'test',
  ends: [{ file: 'test/first-loads.test.js', has: "await import('../src/first.js')" }],
  commits: [
    {
      message: 'First',
      files: {
        'package.json': manifest({ test: 'node --test' }, { type: 'module' }),
        'src/first.js': brackets(['    return undefined;', '  }']).replaceAll('\n', '\r\n'),
        'test/first.test.js': lines(
          "import assert from 'node:assert/strict';",
          "import test from 'node:test';",
          "import { first } from '../src/first.js';",
          '',
          "test('nothing is first of nothing', () => assert.equal(first([]), undefined));",
        ),
      },
    },
    {
      message: 'Tidy',
      files: { 'src/first.js': brackets(['    return undefined;']).replaceAll('\n', '\r\n') },
    },
  ],
};

const wire = (field: string): Record<string, string> => ({
  'src/pack.js': `export const pack = (cents) => ({ ['${field}']: cents });\n`,
  'src/unpack.js': `export const unpack = (message) => message.${field};\n`,
});

const togetherOnly: Scenario = {
  name: 'two hunks in two files that are wrong only together',
  command: 'node --test',
  lastGreen: 0,
  outcome: 'fixed',
  proof: 'test',
  ends: [
    { file: 'src/pack.js', has: 'cents' },
    { file: 'src/other.js', has: 'other = 2' },
  ],
  commits: [
    {
      message: 'Wire format',
      files: {
        'package.json': manifest({ test: 'node --test' }, { type: 'module' }),
        ...wire('cents'),
        'src/other.js': 'export const other = 1;\n',
        'test/wire.test.js': lines(
          "import assert from 'node:assert/strict';",
          "import test from 'node:test';",
          "import { pack } from '../src/pack.js';",
          "import { unpack } from '../src/unpack.js';",
          '',
          "test('the field is called cents', () => {",
          '  assert.deepEqual([pack(3), unpack({ cents: 3 })], [{ cents: 3 }, 3]);',
          '});',
        ),
      },
    },
    { message: 'Rename the field', files: wire('amount') },
    { message: 'Other', files: { 'src/other.js': 'export const other = 2;\n' } },
  ],
};

export const scenarios: readonly Scenario[] = [
  cannotLoad,
  togetherOnly,
  offByOne,
  typeStripped,
  plainScript,
  earlierCommit,
  innocentHunks,
  deletedFile,
  dataFile,
  ownLint,
  twoDefects,
  notCode,
  unexplained,
  changedExpectation,
];
