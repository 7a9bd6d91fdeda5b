/**
 * Takes a shell script apart into its simple commands, so that quoting, chains, wrappers and substitutions do not
 * hide what is called. Not a shell: where it cannot know a word, the word is marked as such.
 */
export interface Word {
  text: string;
  /** It holds a variable or a substitution: the shell may read something else here. */
  isDynamic: boolean;
}

export interface SimpleCommand {
  words: Word[];
  /** Files written to by `>` and its like. */
  writes: Word[];
  /** Standard input given in the script itself. */
  input: string | null;
}

/** Commands joined by `|`. */
export type Pipeline = SimpleCommand[];

export interface Script {
  pipelines: Pipeline[];
  /** Scripts in `$(…)`, backticks and `<(…)`. */
  nested: string[];
}

const ANSI_ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', e: '\x1b' };

const unescapeAnsi = (text: string): string =>
  text.replace(/\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))/g, (_, hex, octal, char) =>
    hex
      ? String.fromCharCode(Number.parseInt(hex, 16))
      : octal
        ? String.fromCharCode(Number.parseInt(octal, 8))
        : (ANSI_ESCAPES[char] ?? char),
  );

class Reader {
  readonly text: string;
  at = 0;
  constructor(text: string) {
    this.text = text;
  }
  get done(): boolean {
    return this.at >= this.text.length;
  }
  peek(length = 1): string {
    return this.text.slice(this.at, this.at + length);
  }
  take(length = 1): string {
    const taken = this.peek(length);
    this.at += length;
    return taken;
  }
  /** Up to the end mark, which is taken too; all that is left where there is none. */
  takeUntil(mark: string): string {
    const end = this.text.indexOf(mark, this.at);
    const taken = this.text.slice(this.at, end < 0 ? undefined : end);
    this.at = end < 0 ? this.text.length : end + mark.length;
    return taken;
  }
  /** To the end of the line, which is not taken. */
  skipLine(): void {
    const end = this.text.indexOf('\n', this.at);
    this.at = end < 0 ? this.text.length : end;
  }
  /** The inside of parentheses whose opening one was taken. */
  takeParentheses(): string {
    const from = this.at;
    for (let depth = 1; !this.done; ) {
      const char = this.take();
      if (char === '\\') this.take();
      else if (char === "'") this.takeUntil("'");
      else if (char === '(') depth += 1;
      else if (char === ')' && --depth === 0) return this.text.slice(from, this.at - 1);
    }
    return this.text.slice(from);
  }
}

const ends = (char: string): boolean => char === '' || /[\s;&|()<>]/.test(char);

/** One word from here on; `nested` collects the scripts of its substitutions. */
function readWord(reader: Reader, nested: string[]): Word {
  const word = { text: '', isDynamic: false };
  const expand = () => {
    word.isDynamic = true;
    if (reader.peek(2) === '$(') {
      reader.take(2);
      const inner = reader.takeParentheses();
      nested.push(inner);
      word.text += `$(${inner})`;
    } else if (reader.peek() === '`') {
      reader.take();
      const inner = reader.takeUntil('`');
      nested.push(inner);
      word.text += `\`${inner}\``;
    } else word.text += reader.take();
  };
  while (!reader.done && !ends(reader.peek())) {
    const char = reader.peek();
    if (char === '\\') {
      reader.take();
      const next = reader.take();
      if (next !== '\n') word.text += next;
    } else if (char === "'") {
      reader.take();
      word.text += reader.takeUntil("'");
    } else if (reader.peek(2) === "$'") {
      reader.take(2);
      word.text += unescapeAnsi(reader.takeUntil("'"));
    } else if (char === '"') {
      reader.take();
      while (!reader.done && reader.peek() !== '"') {
        if (reader.peek() === '\\') {
          reader.take();
          word.text += reader.take();
        } else if (reader.peek() === '$' || reader.peek() === '`') expand();
        else word.text += reader.take();
      }
      reader.take();
    } else if (char === '$' || char === '`') expand();
    else word.text += reader.take();
  }
  return word;
}

const fresh = (): SimpleCommand => ({ words: [], writes: [], input: null });

export function parseScript(text: string): Script {
  const reader = new Reader(text);
  const script: Script = { pipelines: [], nested: [] };
  let pipeline: Pipeline = [];
  let command = fresh();
  const documents: { command: SimpleCommand; end: string }[] = [];

  const endCommand = () => {
    if (command.words.length > 0 || command.writes.length > 0) pipeline.push(command);
    command = fresh();
  };
  const endPipeline = () => {
    endCommand();
    if (pipeline.length > 0) script.pipelines.push(pipeline);
    pipeline = [];
  };
  const skipBlanks = () => {
    while (reader.peek() === ' ' || reader.peek() === '\t') reader.take();
  };
  const readDocuments = () => {
    for (const { command: reading, end } of documents.splice(0)) {
      const lines: string[] = [];
      while (!reader.done) {
        const line = reader.takeUntil('\n');
        if (line.trim() === end) break;
        lines.push(line);
      }
      reading.input = lines.join('\n');
    }
  };
  const redirect = () => {
    const operator =
      /^(?:<<<|<<-?|>>|>\||>&|<&|<>|[<>])/.exec(reader.text.slice(reader.at, reader.at + 3))?.[0] ?? '>';
    reader.take(operator.length);
    skipBlanks();
    const target = readWord(reader, script.nested);
    if (operator === '<<<') command.input = target.text;
    else if (operator.startsWith('<<')) documents.push({ command, end: target.text });
    else if (operator.startsWith('>') && operator !== '>&') command.writes.push(target);
  };

  while (!reader.done) {
    const char = reader.peek();
    if (char === '\n') {
      reader.take();
      endPipeline();
      readDocuments();
    } else if (/\s/.test(char)) reader.take();
    else if (char === '#') reader.skipLine();
    else if (reader.peek(2) === '||' || reader.peek(2) === '&&') {
      reader.take(2);
      endPipeline();
    } else if (char === '|') {
      reader.take(reader.peek(2) === '|&' ? 2 : 1);
      endCommand();
    } else if (reader.peek(2) === '&>') {
      reader.take();
      redirect();
    } else if (/[;&()]/.test(char)) {
      reader.take();
      endPipeline();
    } else if (reader.peek(2) === '<(' || reader.peek(2) === '>(') {
      reader.take(2);
      const inner = reader.takeParentheses();
      script.nested.push(inner);
      command.words.push({ text: `<(${inner})`, isDynamic: true });
    } else if (char === '<' || char === '>') redirect();
    else {
      const word = readWord(reader, script.nested);
      // `2>` names a stream, it is no word.
      if (!(/^\d$/.test(word.text) && /[<>]/.test(reader.peek()))) command.words.push(word);
    }
  }
  endPipeline();
  readDocuments();
  return script;
}
