import type { SimpleCommand, Word } from './shell-commands.ts';

/** A call as the shell would make it, without what stands around it. */
export interface Call {
  /** Without its folder: `/usr/bin/sudo` is `sudo`. */
  name: string;
  /** The name itself comes from a substitution. */
  isHidden: boolean;
  args: Word[];
  command: SimpleCommand;
}

const KEYWORDS = new Set(['then', 'do', 'else', 'elif', 'if', 'while', 'until', '!', '{', '}', 'time']);
const ASSIGNMENT = /^\w+\+?=/;

/** Programs that run the rest of their words; the options that take a value of their own. */
const WRAPPERS: Record<string, { valued: string[]; leading: number }> = {
  env: { valued: ['-u', '--unset', '-C', '--chdir', '-S'], leading: 0 },
  command: { valued: [], leading: 0 },
  builtin: { valued: [], leading: 0 },
  exec: { valued: ['-a'], leading: 0 },
  nohup: { valued: [], leading: 0 },
  setsid: { valued: [], leading: 0 },
  nice: { valued: ['-n', '--adjustment'], leading: 0 },
  ionice: { valued: ['-c', '-n', '-p'], leading: 0 },
  stdbuf: { valued: ['-i', '-o', '-e'], leading: 0 },
  timeout: { valued: ['-k', '--kill-after', '-s', '--signal'], leading: 1 },
  xargs: { valued: ['-I', '-n', '-P', '-L', '-d', '-E', '-s', '-a'], leading: 0 },
  busybox: { valued: [], leading: 0 },
  unbuffer: { valued: [], leading: 0 },
};

/** Variables that the script itself has set, put in. */
function filled(word: Word, variables: ReadonlyMap<string, string>): Word {
  if (!word.isDynamic) return word;
  let isKnown = !/\$\(|`|<\(/.test(word.text);
  const text = word.text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced, bare) => {
    const value = variables.get(braced ?? bare);
    if (value === undefined) isKnown = false;
    return value ?? whole;
  });
  return { text, isDynamic: !isKnown };
}

/** The call that a simple command comes to; null: it only sets variables. Notes what it sets. */
export function unwrap(command: SimpleCommand, variables: Map<string, string>): Call | null {
  const words = command.words.flatMap((word) => {
    const known = filled(word, variables);
    if (!word.isDynamic || known.isDynamic) return known;
    return known.text.split(/\s+/).map((text) => ({ text, isDynamic: false }));
  });
  let at = 0;
  for (;;) {
    const word = words[at];
    if (!word) return null;
    if (KEYWORDS.has(word.text)) at += 1;
    else if (ASSIGNMENT.test(word.text)) {
      const [name = '', value = ''] = word.text.split(/\+?=(.*)/s);
      if (!word.isDynamic) variables.set(name, value);
      at += 1;
    } else {
      const name = nameOf(word.text);
      const wrapper = Object.hasOwn(WRAPPERS, name) ? WRAPPERS[name] : undefined;
      if (!wrapper) {
        const isHidden = word.isDynamic && /\$\(|`/.test(name);
        return { name, isHidden, args: words.slice(at + 1), command };
      }
      at += 1;
      for (let option = words[at]; option?.text.startsWith('-'); option = words[at])
        at += wrapper.valued.includes(option.text) ? 2 : 1;
      at += wrapper.leading;
    }
  }
}

/** What comes after the last slash outside a substitution. */
const nameOf = (text: string): string => text.replace(/^.*\/(?=[^/()`]*$)/s, '');
