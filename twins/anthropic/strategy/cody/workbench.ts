/** Changes the working tree and takes changes back. What is kept is staged, so that a try can be dropped to the index. */
import type { FileChange, Run } from '../hunks.ts';
import type { Plan } from '../plan.ts';
import { textFromRead, undoEdit, undoPatch } from '../undo-edit.ts';
import type { Candidate } from './candidates.ts';
import { bash, quote, quoteAll, runTimeoutMs } from './shell.ts';

/** How a change was made; enough to take it back. */
export type Applied = {
  paths: string[];
  undo: { kind: 'edit'; path: string; oldText: string; newText: string } | { kind: 'index' };
};

export type Attempt = { ok: true; applied: Applied } | { ok: false; reason: string };

export class Workbench {
  readonly root: string;
  /** Text of files as last read or edited here; a file changed by a command must be read again. */
  readonly texts = new Map<string, string>();

  constructor(root: string) {
    this.root = root;
  }

  *read(path: string): Plan<string | undefined> {
    const known = this.texts.get(path);
    if (known !== undefined) return known;
    const outcome = yield { name: 'Read', input: { file_path: `${this.root}/${path}` } };
    if (outcome.isError) return undefined;
    const text = textFromRead(outcome.text);
    this.texts.set(path, text);
    return text;
  }

  *edit(path: string, oldText: string, newText: string, say?: string): Plan<boolean> {
    const input = { file_path: `${this.root}/${path}`, old_string: oldText, new_string: newText };
    const outcome = yield { name: 'Edit', input, ...(say === undefined ? {} : { say }) };
    const text = this.texts.get(path);
    if (outcome.isError) this.texts.delete(path);
    else if (text !== undefined)
      this.texts.set(
        path,
        text.replace(oldText, () => newText),
      );
    return !outcome.isError;
  }

  *apply(candidate: Candidate): Plan<Attempt> {
    if (candidate.kind === 'run') return yield* this.undoRun(candidate.run, candidate.label);
    if (candidate.kind === 'files') {
      return yield* this.script(
        restoreScript(candidate.files, candidate.ref),
        pathsOf(candidate.files),
        `Put back ${candidate.label}`,
      );
    }
    if (candidate.kind === 'revert') {
      const script = `git diff --binary ${quote(candidate.from)} ${quote(candidate.to)} -- ${quoteAll(candidate.paths)} | git apply -R --whitespace=nowarn`;
      return yield* this.script(script, candidate.paths, `Undo ${candidate.label}`);
    }
    return yield* this.script(
      `${candidate.command} 2>&1 | tail -c 3000; true`,
      candidate.paths,
      `Run the fixer of the linter`,
    );
  }

  private *undoRun(run: Run, label: string): Plan<Attempt> {
    const text = yield* this.read(run.file);
    const edit = text === undefined ? undefined : undoEdit(text, run);
    if (edit && edit.oldText !== edit.newText) {
      const { oldText, newText } = edit;
      const done = yield* this.edit(
        run.file,
        oldText,
        newText,
        `Undoing the change at ${label} to see whether it is the cause.`,
      );
      if (done)
        return {
          ok: true,
          applied: { paths: [run.file], undo: { kind: 'edit', path: run.file, oldText, newText } },
        };
    }
    const patch = undoPatch(run);
    const script = `git apply --recount --ignore-whitespace --whitespace=nowarn - <<'UNDO'\n${patch}UNDO`;
    return yield* this.script(script, [run.file], `Undo the change at ${run.file}:${run.newStart}`);
  }

  private *script(script: string, paths: string[], description: string): Plan<Attempt> {
    const outcome = yield* bash(
      `${script}\ngit status --porcelain -- ${quoteAll(paths)} | sed 's/^/: /' | head -40`,
      description,
      runTimeoutMs,
    );
    for (const path of paths) this.texts.delete(path);
    if (outcome.isError) return { ok: false, reason: firstLine(outcome.text) };
    // Porcelain's second column is the working tree against the index.
    const changed = outcome.text.split('\n').some((line) => /^: (.[MDATU] |\?\? )/.test(line));
    return changed
      ? { ok: true, applied: { paths, undo: { kind: 'index' } } }
      : { ok: false, reason: 'it changed nothing' };
  }

  *keep(applied: Applied): Plan<void> {
    yield* bash(
      `for path in ${quoteAll(applied.paths)}; do git add -A -- "$path" 2>/dev/null; done; git status --short | head -20`,
      'Keep this change',
    );
  }

  *drop(applied: Applied): Plan<void> {
    const { undo, paths } = applied;
    if (undo.kind === 'edit') {
      const done = yield* this.edit(
        undo.path,
        undo.newText,
        undo.oldText,
        'That was not it; putting it back.',
      );
      if (done) return;
    }
    yield* bash(
      `git checkout -q -- . && for path in ${quoteAll(paths)}; do git clean -fdq -- "$path"; done; git status --short | head -20`,
      'Put the files back as they were',
    );
    this.texts.clear();
  }
}

function pathsOf(files: readonly FileChange[]): string[] {
  return [...new Set(files.flatMap((file) => [file.oldPath, file.path]))];
}

function restoreScript(files: readonly FileChange[], ref: string): string {
  return files
    .map((file) => {
      const remove = `rm -f -- ${quote(file.path)}`;
      const restore = `git restore --source=${quote(ref)} --worktree -- ${quote(file.oldPath)}`;
      if (file.status === 'added') return remove;
      return file.status === 'renamed' ? `${restore} && ${remove}` : restore;
    })
    .join(' && ');
}

function firstLine(text: string): string {
  return (
    text
      .split('\n')
      .find((line) => line.trim() !== '' && !/^Exit code/.test(line))
      ?.trim()
      .slice(0, 200) ?? 'it did not apply'
  );
}
