import type { World } from './world.ts';

export function checkNow(_world: World, _binding: string, _name: string): void {}
export async function checkAtRest(_world: World): Promise<void> {}
