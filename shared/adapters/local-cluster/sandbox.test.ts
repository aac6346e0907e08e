import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { findLimits } from './limits.ts'
import { TOOLS } from './private-folders.ts'
import { sandboxes, eventually, start, test } from './test-home.ts'

// What this machine does not let us enforce, it cannot show.
const { enforced } = findLimits()
const isRoot = process.getuid?.() === 0
const node = (script: string) => [process.execPath, '--eval', script]

describe.each(sandboxes)('a program in a sandbox of %s', (sandbox) => {
  test('cannot change a setting of the kernel', async ({ home }) => {
    const cluster = home.open({ sandbox })
    // What it writes is what is there, so that nothing is changed even where it may.
    const { log } = await home.sh(
      cluster,
      'f=/proc/sys/vm/swappiness; v=$(cat $f); (echo "$v" > $f) 2>/dev/null && echo changed; echo over',
    )
    expect(log).toBe('over\n')
  })

  test('can write nothing but its outputs, /tmp and /dev/shm', async ({ home }) => {
    const cluster = home.open({ sandbox })
    const input = await home.volume(cluster)
    const output = await home.volume(cluster)
    const own = mkdtempSync('/var/tmp/knit-own-')
    const places = [
      '',
      '/usr',
      '/etc',
      '/var/tmp',
      '/dev',
      '/run',
      '/proc/sys/kernel',
      '/in/data',
      own,
    ]
    const { log, phase } = await home.run(cluster, {
      entrypoint: [
        'sh',
        '-c',
        'for d; do touch "$d/x" 2>/dev/null && echo "$d"; done; exit 0',
        'sh',
      ],
      args: [...places, '/tmp', '/dev/shm', '/out'],
      inputs: [{ volume: input, path: '/in/data' }],
      outputs: [{ volume: output, path: '/out' }],
    })
    rmSync(own, { recursive: true })

    expect({ phase, log }).toEqual({ phase: 'succeeded', log: '/tmp\n/dev/shm\n/out\n' })
    expect(readdirSync(home.file(output, ''))).toEqual(['x'])
  })

  if (isRoot)
    test('can write to nothing that is mounted on this machine', async ({ home }) => {
      const point = join(home.scratch, 'a \\ b')
      mkdirSync(point)
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=777,noexec', 'tmpfs', point])
      writeFileSync(join(point, 'found'), '')
      try {
        const { log } = await home.sh(
          home.open({ sandbox }),
          'ls "$1"; touch "$1/x" 2>/dev/null && echo written; mount',
          { args: [point] },
        )
        expect(log).toMatch(/^found\n(?!written)/)
        expect(log.split('\n').find((line) => line.includes(home.scratch))).toMatch(
          /\(ro,nosuid,nodev,noexec/,
        )
      } finally {
        execFileSync('umount', [point])
      }
    })

  test('cannot mount, unmount or remount, nor gain what it takes', async ({ home }) => {
    const { log } = await home.sh(
      home.open({ sandbox }),
      `mount -o remount,rw / && echo remounted
       mount -o remount,bind,rw /usr && echo remounted
       umount -l /usr && echo unmounted
       mount -t tmpfs none /tmp && echo mounted
       unshare --user --map-root-user true && echo namespace
       chroot / true && echo chroot
       grep -E '^(CapPrm|CapEff|CapAmb|NoNewPrivs)' /proc/self/status >&3`.replace('>&3', ''),
    )

    expect(log).not.toMatch(/^(remounted|unmounted|mounted|namespace|chroot)$/m)
    expect(log).toMatch(/^CapPrm:\s0+\nCapEff:\s0+\nCapAmb:\s0+\nNoNewPrivs:\s1$/m)
  })

  test('does not see the home, nor what else is hidden, by any path', async ({ home }) => {
    const hidden = mkdtempSync('/var/tmp/knit-hidden-')
    writeFileSync(join(hidden, 'secret'), 'secret')
    const alias = `${hidden}-alias`
    symlinkSync(hidden, alias)
    // What nobody may enter would prove nothing.
    for (const folder of [hidden, home.folder]) chmodSync(folder, 0o755)
    const cluster = home.open({ sandbox, hide: [alias] })
    const { log } = await home.run(cluster, {
      entrypoint: ['sh', '-c', 'for d; do echo "$(ls -A "$d")."; done'],
      args: ['sh', home.folder, hidden, alias, `/proc/1/root${hidden}`, '/run'],
    })
    rmSync(hidden, { recursive: true })
    rmSync(alias)

    expect(log.replace(/^ls: .*\n/gm, '')).toBe('.\n.\n.\n.\n.\n')
  })

  test('sees nothing of home directories but the programs on the path', async ({ home }) => {
    const own = join(home.scratch, 'me')
    const files = {
      '.ssh/id': 'secret',
      '.local/share/keyring': 'secret',
      '.local/bin/plain': '#!/bin/sh\necho plain',
      'tool/bin/whole': `#!/bin/sh\n. ${own}/tool/lib/part`,
      'tool/lib/part': 'echo whole',
      'project/node_modules/.bin/brought': '#!/bin/sh\necho brought',
      'project/node_modules/other': '',
      'project/secret': 'secret',
    }
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(join(own, path, '..'), { recursive: true })
      writeFileSync(join(own, path), content, { mode: 0o755 })
    }
    symlinkSync('../share/keyring', join(own, '.local/bin/led'))
    const path = ['tool/bin', '.local/bin', 'project/node_modules/.bin'].map((p) => join(own, p))
    const env = { HOME: own, PATH: [...path, TOOLS].join(':') }
    const cluster = home.open({ sandbox, env })
    const { log } = await home.sh(
      cluster,
      'whole; plain; brought; cd "$1"; find . -type f | sort; ls -A /home /root; touch tool/x',
      { args: [own] },
    )

    expect(log.replace(/\ntouch: .*\n/, '\n')).toBe(
      [
        'whole\nplain\nbrought\n./.local/bin/plain',
        './project/node_modules/.bin/brought\n./project/node_modules/other',
        './tool/bin/whole\n./tool/lib/part\n/home:\n\n/root:\n',
      ].join('\n'),
    )
    const led = await home.run(cluster, { entrypoint: ['led'] })
    expect(led).toMatchObject({ exitCode: 127, message: expect.stringContaining('do not see') })
  })

  if (isRoot)
    test('started by root reads only what everybody may', async ({ home }) => {
      const open = join(home.scratch, 'open')
      const closed = join(home.scratch, 'closed')
      writeFileSync(open, 'read\n', { mode: 0o644 })
      writeFileSync(closed, 'secret\n', { mode: 0o600 })
      const { log } = await home.run(home.open({ sandbox }), {
        entrypoint: ['sh', '-c', 'id -u; id -G; for f; do cat "$f" 2>/dev/null; done', 'sh'],
        args: [open, closed, '/etc/shadow'],
      })

      expect(log).toBe('65534\n65534\nread\n')
    })

  test('may open its output by name', async ({ home }) => {
    const { log } = await home.sh(
      home.open({ sandbox }),
      'echo 1 >> /dev/stdout; echo 2 >> /dev/stderr; echo 3',
    )

    expect(log).toBe('1\n2\n3\n')
  })

  test('sees no process but its own, and can signal none', async ({ home }) => {
    const { log } = await home.run(home.open({ sandbox }), {
      entrypoint: ['sh', '-c', 'kill -0 "$1" || echo none; ls -d /proc/[0-9]* | wc -l'],
      args: ['sh', `${process.pid}`],
    })

    expect(log).toMatch(/none\n[1-6]\n$/)
  })

  test('reaches no network but its own loopback, unless it may', async ({ home }) => {
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const entrypoint = node(
      `const net = require('net')
       const dial = (port, then) => net.connect(port, '127.0.0.1')
         .on('connect', () => { console.log('reached'); then() }).on('error', (e) => { console.log(e.code); then() })
       dial(${port}, () => { const own = net.createServer().listen(0, '127.0.0.1', () =>
         dial(own.address().port, () => process.exit())) })`,
    )
    const cluster = home.open({ sandbox })
    const [without, with_] = await Promise.all([
      home.run(cluster, { entrypoint }),
      home.run(cluster, { entrypoint, network: true }),
    ])
    server.close()

    expect(without.log).toBe('ECONNREFUSED\nreached\n')
    expect(with_.log).toBe('reached\nreached\n')
  })

  test('gets arguments, variables and paths exactly as they were given', async ({ home }) => {
    const cluster = home.open({ sandbox })
    const input = await home.volume(cluster)
    writeFileSync(home.file(input, 'found'), '')
    const path = `/in/it's "a" \\040 $HOME\n\tünï*`
    const args = [
      '',
      ' a  b ',
      `it's`,
      '"',
      '$HOME `id` $(id)',
      'a\nb\n',
      '*',
      '\\n',
      '--',
      '-c',
      'ü\u00a0',
      'A=1',
      path,
    ]
    const env = { 'a.b-c': `it's\n"x" $HOME`, EMPTY: '', PLAIN: 'a=b' }
    const { log } = await home.run(cluster, {
      entrypoint: node(
        `console.log(JSON.stringify([process.argv.slice(1), process.env, require('fs').readdirSync(process.argv.at(-1))]))`,
      ).concat('--'),
      args,
      env,
      inputs: [{ volume: input, path }],
    })

    const [seen, { PWD: _, ...variables }, files] = JSON.parse(log)
    expect(seen).toEqual(args)
    expect(variables).toEqual({ HOME: '/tmp', PATH: expect.any(String), ...env })
    expect(files).toEqual(['found'])
  })

  test('can even be named like a variable', async ({ home }) => {
    const cluster = home.open({ sandbox })
    const input = await home.volume(cluster)
    writeFileSync(home.file(input, 'a=b'), '#!/bin/sh\necho "$X"', { mode: 0o755 })

    const { log } = await home.run(cluster, {
      entrypoint: ['/in/a=b'],
      env: { X: 'y' },
      inputs: [{ volume: input, path: '/in' }],
    })
    expect(log).toBe('y\n')
  })

  test('finds its volumes at any path, whatever the host has there', async ({ home }) => {
    const cluster = home.open({ sandbox })
    const volume = await home.volume(cluster)
    writeFileSync(home.file(volume, 'found'), '')
    const paths = [
      '/in/data',
      '/usr/in',
      '/usr/share',
      '/home/x/data',
      '/etc/passwd/x',
      '/tmp/a/b',
      '/dev/shm/c',
    ]
    const { log } = await home.run(cluster, {
      entrypoint: ['sh', '-c', 'for d; do ls "$d"; done; ls /usr/bin/env /etc/group'],
      args: ['sh', ...paths, join(home.folder, 'in')],
      inputs: [...paths, join(home.folder, 'in')].map((path) => ({ volume, path })),
    })

    expect(log).toBe(`${'found\n'.repeat(paths.length + 1)}/etc/group\n/usr/bin/env\n`)
  })

  test('follows links of Data within its own view only', async ({ home }) => {
    const cluster = home.open({ sandbox })
    const input = await home.volume(cluster)
    writeFileSync(join(home.folder, 'secret'), 'secret')
    symlinkSync(join(home.folder, 'secret'), home.file(input, 'out'))
    symlinkSync('../../out/here', home.file(input, 'in'))
    const { log } = await home.sh(
      cluster,
      'cat /in/data/out || echo hidden; echo x > /out/here; cat /in/data/in',
      {
        inputs: [{ volume: input, path: '/in/data' }],
        outputs: [{ volume: await home.volume(cluster), path: '/out' }],
      },
    )

    expect(log).toMatch(/hidden\nx\n$/)
  })

  test('is refused with advice where it cannot begin', async ({ home }) => {
    const cluster = home.open({ sandbox })
    const volume = await home.volume(cluster)
    writeFileSync(home.file(volume, 'plain'), '')
    writeFileSync(home.file(volume, 'script'), '#!/no/such/shell\n', { mode: 0o755 })
    const inputs = [{ volume, path: '/in' }]
    const refusal = async (entrypoint: string[], more: object = {}) => {
      const state = await home.run(cluster, { entrypoint, inputs, ...more })
      return state.phase === 'failed' && [state.cause, state.exitCode, state.message]
    }

    expect(await refusal(['no such'])).toEqual(['plan', 127, expect.stringContaining('"no such"')])
    expect(await refusal(['/in/none'])).toEqual([
      'plan',
      127,
      expect.stringContaining('"/in/none"'),
    ])
    expect(await refusal(['/in/plain'])).toEqual([
      'plan',
      126,
      expect.stringContaining('"/in/plain"'),
    ])
    expect(await refusal(['/usr'])).toEqual(['plan', 126, expect.stringContaining('"/usr"')])
    expect(await refusal(['/in/script'])).toEqual([
      'plan',
      127,
      expect.stringContaining('/no/such/shell'),
    ])
    expect(await refusal([], { args: ['true'] })).toEqual([
      'plan',
      125,
      expect.stringContaining('entrypoint'),
    ])
    expect(await refusal(['true'], { inputs: [{ volume, path: '/proc/x' }] })).toEqual([
      'plan',
      125,
      expect.stringContaining('/proc/x'),
    ])
    expect(await refusal(['sh', '-c', 'no such'])).toEqual([
      'program',
      127,
      '(container main) Error',
    ])
  })

  test('is not told the path of the server when its command is missing', async ({ home }) => {
    const state = await home.run(home.open({ sandbox }), { entrypoint: ['no-such-command'] })
    const message = state.phase === 'failed' ? state.message : ''
    expect(message).toMatch(/^the command "no-such-command" was not found; give its whole path/)
    for (const folder of (process.env['PATH'] ?? '').split(':').filter(Boolean))
      expect(message).not.toContain(folder)
  })

  test('is asked to end before it is killed, and takes all it has started with it', async ({
    home,
  }) => {
    const cluster = home.open({ sandbox })
    const output = await home.volume(cluster)
    const outputs = [{ volume: output, path: '/out' }]
    const stubborn = `trap 'echo asked > /out/asked' TERM; setsid sleep 1234.5 & touch /out/up; while :; do wait; done`
    const worker = await start(cluster, { entrypoint: ['sh', '-c', stubborn], outputs })
    await eventually(() => readFileSync(home.file(output, 'up')))

    await cluster.deleteWorker(worker.name)
    expect(await cluster.findWorker(worker.name)).toMatchObject({ state: { phase: 'running' } })
    await eventually(async () => expect(await cluster.findWorker(worker.name)).toBeUndefined())

    expect(readFileSync(home.file(output, 'asked'), 'utf8')).toBe('asked\n')
    expect(commandLines().filter((line) => line.startsWith('sleep 1234.5'))).toEqual([])
    expect(home.changes.at(-1)).toBe(worker.name)
  })

  test('ends with all it has started in the background', async ({ home }) => {
    const { phase } = await home.sh(home.open({ sandbox }), 'setsid sleep 2345.6 & exit 0')

    expect(phase).toBe('succeeded')
    expect(commandLines().filter((line) => line.startsWith('sleep 2345.6'))).toEqual([])
  })

  test('may leave folders nobody may write to', async ({ home }) => {
    const cluster = home.open({ sandbox })
    const volume = await home.volume(cluster)
    const script = 'mkdir -p /out/a/b && touch /out/a/b/c && chmod 0 /out/a/b/c /out/a/b /out/a'
    expect(await home.sh(cluster, script, { outputs: [{ volume, path: '/out' }] })).toMatchObject({
      phase: 'succeeded',
    })

    await cluster.deleteVolume(volume)
    expect(readdirSync(join(home.folder, 'trash'))).toEqual([])
  })

  if (enforced.memory)
    test('has as much memory as its limit says', async ({ home }) => {
      const cluster = home.open({ sandbox })
      const state = await home.run(cluster, {
        entrypoint: ['tail', '/dev/zero'],
        limits: { memory: 64 * 2 ** 20, cpu: 1 },
      })

      expect(state).toMatchObject({
        phase: 'failed',
        cause: 'program',
        exitCode: 137,
        message: '(container main) OOMKilled',
      })
      const workers = (await cluster.listWorkers()).map(({ name, uid }) => ({ name, uid }))
      for (const { name } of workers) await cluster.deleteWorker(name)
      const groups = readdirSync('/sys/fs/cgroup', { recursive: true, encoding: 'utf8' })
      expect(
        groups.filter((path) => workers.some(({ uid }) => path.endsWith(`knit-${uid}`))),
      ).toEqual([])
    })

  if (enforced.processes || sandbox === 'unshare')
    test('has no more processes than it may', async ({ home }) => {
      const cluster = home.open({ sandbox, processes: 30 })
      const script = 'i=0; while [ $i -lt 60 ]; do sleep 3456.7 & i=$((i+1)); done'
      const { phase, log } = await home.sh(cluster, script)

      expect(phase).toBe('failed')
      expect(log).toContain('fork')
    })
})

function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => Number(name) > 0)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return ''
      }
    })
}
