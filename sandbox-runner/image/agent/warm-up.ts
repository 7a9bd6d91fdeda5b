/** Run once when the image is built, as the user that will run it: fills the compile cache. */
import { flushCompileCache } from 'node:module';
import { useCompileCache } from './compile-cache.ts';

useCompileCache();
await import('./live.ts');
flushCompileCache();
