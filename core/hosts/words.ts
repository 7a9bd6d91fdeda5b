/** What a place of a command may hold. Each pattern is closed: nothing that begins with a dash, no glob, no URL. */

/** What the runner's settings say of a host, where a pattern cannot. */
export interface HostLists {
  /** Folders whose files may be read and listed. */
  logPaths: readonly string[];
  /** Folders whose direct children are old builds that may be cleared away. */
  buildPaths: readonly string[];
  /** Units that may be started, stopped and restarted: by name, for one of them may be the way in, or the power. */
  units: readonly string[];
}

export type WordKind =
  | 'container'
  | 'image'
  | 'volume'
  | 'unit'
  | 'listed_unit'
  | 'service'
  | 'pid'
  | 'lines'
  | 'since'
  | 'log_path'
  | 'persistence_path'
  | 'build_path';

const PATTERNS: Partial<Record<WordKind, RegExp>> = {
  container: /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/,
  volume: /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/,
  image: /^[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,255}$/,
  unit: /^[A-Za-z0-9][A-Za-z0-9_.@:-]{0,127}$/,
  lines: /^[1-9]\d{0,3}$/,
  since: /^(?:[1-9]\d{0,3}[smhd]|\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?Z?)?)$/,
};

/** 0 and 1 are everything and init; a negative one is a whole group. */
const isPid = (word: string) => /^[1-9]\d{0,6}$/.test(word) && word !== '1';

/** Absolute, plain, and already in its shortest form: what is checked is what is opened. */
function isPlainPath(path: string): boolean {
  if (!/^\/[\w@.+:/ -]{1,500}$/.test(path) || path.endsWith('/')) return false;
  return path
    .slice(1)
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..');
}

const isWithin = (path: string, folder: string) => path.startsWith(`${folder}/`);

function isChildOf(path: string, folder: string): boolean {
  return isWithin(path, folder) && !path.slice(folder.length + 1).includes('/');
}

/** Files that start something again, and the folders that anybody may write to. One file each, never a folder. */
const PERSISTENCE =
  /^\/(?:etc\/cron\.(?:d|hourly|daily|weekly|monthly)\/[^/]+|var\/spool\/cron\/(?:crontabs\/)?[^/]+|etc\/systemd\/system\/(?:[^/]+\.wants\/)?[^/]+\.(?:service|timer|socket|path)|etc\/init\.d\/[^/]+|etc\/profile\.d\/[^/]+|(?:root|home\/[^/]+)\/\.config\/(?:systemd\/user|autostart)\/[^/]+|(?:tmp|var\/tmp|dev\/shm)\/[^/]+)$/;

/** Whether a word may stand in a place of this kind. */
export function fits(kind: WordKind, word: string, lists: HostLists): boolean {
  switch (kind) {
    case 'pid':
      return isPid(word);
    case 'log_path':
      return isPlainPath(word) && lists.logPaths.some((folder) => word === folder || isWithin(word, folder));
    case 'build_path':
      return isPlainPath(word) && lists.buildPaths.some((folder) => isChildOf(word, folder));
    case 'persistence_path':
      return isPlainPath(word) && PERSISTENCE.test(word);
    case 'listed_unit':
      return lists.units.includes(word);
    case 'service':
      return /^(?!systemd-)[A-Za-z0-9][A-Za-z0-9_@-]{0,127}(?:\.(?:service|timer))?$/.test(word);
    default:
      return PATTERNS[kind]?.test(word) ?? false;
  }
}
