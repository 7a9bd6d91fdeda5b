import type { Attack, Who } from './attack.ts';
import type { Probe } from './probes.ts';

const shell = (command: string, expect: string, timeoutMs = 10_000): Probe => ({
  kind: 'shell',
  command,
  expect,
  timeoutMs,
});

/** System call numbers of ptrace, by Node's names of architectures. */
const PTRACE: Record<string, number> = { x64: 101, arm64: 117 };

/** Attaches to the process whose id `target` prints. */
const attach = (target: string) =>
  shell(
    `perl -e 'my $r = syscall(${PTRACE[process.arch] ?? 101}, 16, $ARGV[0] + 0, 0, 0); print $r == 0 ? "attached" : "refused: $!"' $(${target})`,
    '^attached',
  );

/** A process of root in the cell, which its user may try to take over. */
export const ROOT_PROCESS = 'sleep 86399';

const AGENT_PROGRAM = `pgrep -f '^node /opt/dogwatch/program/main.js' | head -n 1`;

/** Ways from the container to the host or to more rights. Controls run with the rights that the cell lacks. */
export function machineAttacks(): Attack[] {
  const attacks: Attack[] = [];
  const add = (title: string, probe: Probe, over: { as?: Who[]; control?: Probe } = {}) =>
    attacks.push({
      area: 'machine',
      title,
      as: over.as ?? ['user', 'root'],
      probe,
      control: { in: 'open', probe: over.control ?? probe },
    });

  add(
    "the engine's socket",
    shell(
      'for s in /var/run/docker.sock /run/containerd/containerd.sock; do test -S $s && echo found; done',
      'found',
    ),
  );
  add(
    'capabilities left',
    shell('grep -E "Cap(Eff|Prm|Bnd|Amb|Inh)" /proc/self/status', 'Cap\\w+:\\s0*[1-9a-f]'),
  );
  add('new privileges possible', shell('grep NoNewPrivs /proc/self/status', 'NoNewPrivs:\\s0'));
  add('no seccomp filter', shell('grep Seccomp: /proc/self/status', 'Seccomp:\\s0'));
  add('mounting a file system', shell('mount -t tmpfs none /mnt && echo mounted && umount /mnt', 'mounted'));
  add('remounting the root for writing', shell('mount -o remount,rw / && echo remounted', 'remounted'));
  add(
    'remounting /sys for writing',
    shell('mount -o remount,rw /sys && echo remounted && mount -o remount,ro /sys', 'remounted'),
  );
  add(
    'making a device',
    shell(
      'for d in /tmp /dev /workspace /dev/shm; do mknod $d/b$$ b 8 0 && echo made && rm $d/b$$; done',
      'made',
    ),
  );
  add('a user namespace', shell('unshare --user true && echo entered', 'entered'));
  add(
    'a user namespace as its root',
    shell('unshare --user --map-root-user --mount true && echo entered', 'entered'),
  );
  add('a mount namespace', shell('unshare --mount true && echo entered', 'entered'));
  add('a network namespace', shell('unshare --net true && echo entered', 'entered'));
  const enter = (target: string) =>
    shell(`nsenter --target ${target} --mount true && echo entered`, 'entered');
  add('the namespaces of process 1', enter('1'), { control: enter('$$') });
  add('another root folder', shell('chroot / true && echo entered', 'entered'));
  add('processes of the host', shell('cat /proc/[0-9]*/comm | grep -x dockerd && echo seen', 'seen'));
  add(
    'files with set-user-id',
    shell('find / -xdev -type f -perm /6000 2>/dev/null | head -n 1 | grep . && echo found', 'found'),
    {
      control: shell(
        'cp /bin/true /workspace/s && chmod u+s /workspace/s && find /workspace -type f -perm /6000 | grep . && echo found',
        'found',
      ),
    },
  );
  add('becoming root', shell(`perl -e '$> = 0; print $> == 0 ? "root" : "refused: $!"'`, '^root'), {
    as: ['user'],
  });
  add('becoming another user', shell('setpriv --reuid 1 --clear-groups id -u', '^1'), { as: ['root'] });
  add(
    'changing owners',
    shell(
      'for d in /dev/shm /dev; do touch $d/o$$ && chown 1 $d/o$$ && echo changed; rm -f $d/o$$; done',
      'changed',
    ),
  );
  add("ptrace of the agent's program", attach(AGENT_PROGRAM), {
    as: ['root'],
    control: attach('sleep 5 >/dev/null 2>&1 & echo $!'),
  });
  add('ptrace of a process of root', attach(`pgrep -f '^${ROOT_PROCESS}'`), {
    as: ['user'],
    control: attach('sleep 5 >/dev/null 2>&1 & echo $!'),
  });
  add(
    "memory of the agent's program",
    shell(
      `head -c 1 /proc/$(${AGENT_PROGRAM})/mem; head -c 20 /proc/$(${AGENT_PROGRAM})/environ | grep -q . && echo was-read`,
      'was-read',
    ),
    {
      as: ['root'],
      control: shell(
        'sleep 5 >/dev/null 2>&1 & head -c 20 /proc/$!/environ | grep -q . && echo was-read',
        'was-read',
      ),
    },
  );
  const write = (path: string) => shell(`echo >> ${path} && echo written`, '^written');
  add('editing its own hooks', write('/opt/dogwatch/program/hooks.js'));
  add('editing its own program', write('/opt/dogwatch/program/main.js'));
  add('editing system files', write('/etc/passwd'));
  add(
    'adding a program to the path',
    shell('echo x > /usr/local/bin/x && echo written && rm /usr/local/bin/x', '^written'),
  );
  add(
    'kernel settings',
    shell('f=/proc/sys/kernel/core_pattern; v=$(cat $f); echo "$v" > $f && echo written', '^written'),
    {
      control: shell(
        'mount -o remount,rw /proc/sys; f=/proc/sys/kernel/core_pattern; v=$(cat $f); echo "$v" > $f && echo written',
        '^written',
      ),
    },
  );
  add(
    'hard link out of the workspace',
    shell('ln /opt/dogwatch/program/main.js /workspace/link$$ && echo linked', '^linked'),
    {
      control: shell('touch /workspace/a && ln /workspace/a /workspace/b$$ && echo linked', '^linked'),
    },
  );
  add(
    'symbolic link to the host',
    shell(
      'ln -s /proc/1/root/var/lib/docker /tmp/l$$; ls /tmp/l$$/overlay2 /var/lib/docker && echo seen',
      'seen',
    ),
    {
      control: shell('ls /host/var/lib/docker >/dev/null && echo seen', 'seen'),
    },
  );
  add('an endless core dump', shell('ulimit -c unlimited && echo raised', '^raised'), {
    as: ['user', 'root'],
  });
  add('more open files', shell('ulimit -n 10000 && echo raised', '^raised'));
  return attacks;
}

/** Taking more than one's share: one after the other, in a cell of their own. */
export function resourceAttacks(): { title: string; as: Who; probe: Probe }[] {
  const forks = `perl -e 'for (1..600) { my $p = fork(); last unless defined $p; if (!$p) { sleep 20; exit } push @p, $p } print @p == 600 ? "all born" : "stopped at " . @p; kill 9, @p'`;
  const fill = (folder: string) =>
    shell(`head -c 200M /dev/zero > ${folder}/fill && echo filled; rm -f ${folder}/fill`, '^filled', 30_000);
  const inodes = (folder: string) =>
    shell(
      `mkdir -p ${folder}/i && perl -e 'for (1..30000) { open my $f, ">", "${folder}/i/$_" or last; $n++ } print $n == 30000 ? "all made" : "stopped at $n: $!"'; rm -rf ${folder}/i`,
      '^all made',
      30_000,
    );
  return [
    { title: 'fork bomb', as: 'user', probe: shell(forks, '^all born', 20_000) },
    { title: 'fork bomb', as: 'root', probe: shell(forks, '^all born', 20_000) },
    { title: 'filling the workspace', as: 'user', probe: fill('/workspace') },
    { title: 'filling the home folder', as: 'user', probe: fill('/home/agent') },
    { title: 'filling /tmp', as: 'user', probe: fill('/tmp') },
    { title: 'filling /dev/shm', as: 'root', probe: fill('/dev/shm') },
    { title: 'filling /dev', as: 'root', probe: fill('/dev') },
    { title: 'inodes of the workspace', as: 'user', probe: inodes('/workspace') },
    { title: 'inodes of /dev/shm', as: 'root', probe: inodes('/dev/shm') },
    {
      title: 'memory hog',
      as: 'user',
      probe: shell(`perl -e '$x = "x" x (1300 * 1024 * 1024); print "kept ", length $x'`, '^kept', 30_000),
    },
  ];
}

export const resourceControl = (probe: Probe): Probe =>
  JSON.parse(
    JSON.stringify(probe).replaceAll(/\/home\/agent|\/dev\/shm|\/tmp|\/dev\/(?=fill)/g, (at) =>
      at === '/dev/' ? '/workspace/' : '/workspace',
    ),
  ) as Probe;
