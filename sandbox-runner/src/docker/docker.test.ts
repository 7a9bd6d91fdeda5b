import { expect, it } from 'vitest';
import { explained } from './docker.ts';

const failure = (fields: object) => Object.assign(new Error('it failed'), fields);

it('tells a missing engine, a forbidden one and a full disk apart, each with its way out', () => {
  expect(explained(failure({ code: 'ENOENT', syscall: 'connect' }))?.message).toMatch(
    /^engine: .*ENOENT.*dockerd/,
  );
  expect(explained(failure({ code: 'ECONNREFUSED', syscall: 'connect' }))?.message).toMatch(/^engine: /);
  expect(explained(failure({ code: 'EACCES', syscall: 'connect' }))?.message).toContain('group "docker"');
  expect(explained(new Error('write /x: no space left on device'))?.message).toMatch(/^disk: .*prune/);
});

it('leaves faults of one run alone', () => {
  expect(explained(failure({ code: 'ENOENT', syscall: 'open' }))).toBeNull();
  expect(explained(new Error('No such image: x'))).toBeNull();
});
