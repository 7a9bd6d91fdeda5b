import { expect, it } from 'vitest';
import { chooseSubnet } from './docker-subnets.ts';

it('starts anywhere and steps over what is taken', () => {
  expect(chooseSubnet([], () => 0)).toEqual({ cidr: '10.213.0.0/28', gateway: '10.213.0.1' });
  expect(chooseSubnet(['10.213.0.0/28'], () => 0)?.cidr).toBe('10.213.0.16/28');
  expect(chooseSubnet(['10.213.0.0/24', '172.17.0.0/16'], () => 0)?.cidr).toBe('10.213.1.0/28');
  expect(chooseSubnet([], () => 0.9999)?.cidr).toBe('10.213.255.240/28');
});

it('wraps at the end of the pool, and says when it is used up', () => {
  expect(chooseSubnet(['10.213.255.240/28'], () => 0.9999)?.cidr).toBe('10.213.0.0/28');
  expect(chooseSubnet(['10.0.0.0/8'], () => 0.5)).toBeNull();
});
