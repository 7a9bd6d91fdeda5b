/** Where Debian packages come from, as the host's own apt means it. */
export interface AptMirror {
  /** Null: the one that debootstrap itself knows. */
  url: string | null;
  /** Key file that signs it, when the source names one. */
  keyring: string | null;
}

export const DEBIAN_MIRROR: AptMirror = { url: null, keyring: null };

interface Source extends AptMirror {
  url: string;
  suites: string[];
  components: string[];
}

/** The format of `*.sources` files: paragraphs of `Field: value`. */
function parseParagraphs(text: string): Source[] {
  return text.split(/\n\s*\n/).flatMap((paragraph) => {
    const lines = paragraph.split('\n').filter((line) => !line.trimStart().startsWith('#'));
    const field = (name: string) =>
      lines
        .find((line) => line.toLowerCase().startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim() ?? '';
    if (!field('types').split(/\s+/).includes('deb') || field('enabled').toLowerCase() === 'no') return [];
    const keyring = field('signed-by').startsWith('/') ? field('signed-by') : null;
    return field('uris')
      .split(/\s+/)
      .filter((url) => url !== '')
      .map((url) => ({
        url,
        keyring,
        suites: field('suites').split(/\s+/),
        components: field('components').split(/\s+/),
      }));
  });
}

/** The format of `sources.list`: `deb [options] url suite component…`. */
function parseLines(text: string): Source[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$/.exec(line);
    const [, options = '', url, suite, components = ''] = match ?? [];
    if (!url || !suite) return [];
    const keyring = /signed-by=(\/\S+)/.exec(options)?.[1] ?? null;
    return [{ url, keyring, suites: [suite], components: components.split(/\s+/) }];
  });
}

/**
 * The mirror to take a Debian suite from: the one that has the suite configured, else one that has another
 * Debian release, else Debian's own. `files` are the texts of the host's apt sources. Pure.
 */
export function chooseMirror(files: { name: string; text: string }[], suite: string): AptMirror {
  const sources = files
    .flatMap(({ name, text }) => (name.endsWith('.sources') ? parseParagraphs(text) : parseLines(text)))
    .filter(({ url, components }) => /^https?:\/\//.test(url) && components.includes('main'));
  const exact = sources.find(({ suites }) => suites.includes(suite));
  const debian = sources.find(({ url }) => /\/debian(?:\/[0-9TZ]+)?\/?$/.test(url));
  const chosen = exact ?? debian;
  return chosen ? { url: chosen.url.replace(/\/+$/, ''), keyring: chosen.keyring } : DEBIAN_MIRROR;
}
