import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { WorkerSpec } from '#shared/ports/cluster.ts'
import {
  enginesHere,
  foreignImage,
  makeImage,
  noEngine,
  run,
  type MadeImage,
} from '#tests/support/engines.ts'
import { parseProcess } from './processes.ts'
import {
  endOf,
  eventually,
  start,
  startAndDie,
  test,
  workerSpec,
  type TestHome,
} from './test-home.ts'

const engines = await enginesHere()

if (engines.length === 0)
  test('a container of an engine is run as a worker', ({ skip }) => skip(noEngine))

for (const engine of engines)
  describe(`a container of ${engine.name}`, () => {
    const images: MadeImage[] = []
    const imageWith = (...changes: string[]) => {
      const image = makeImage(engine, ...changes)
      images.push(image)
      return image.name
    }
    let image: string
    beforeAll(() => {
      image = imageWith()
    })
    afterAll(() => images.forEach((made) => made.remove()))
    const env = process.env
    const sh = (script: string) => ({ image, entrypoint: ['sh', '-c', script] })
    /** Name and state of the containers of a worker. */
    const containersOf = (worker: string) => {
      const format = [
        '--format',
        '{{.Names}} {{.State}}',
        '--filter',
        `label=knit.worker=${worker}`,
      ]
      return run(engine, 'ps', '--all', ...format)
        .split('\n')
        .filter(Boolean)
    }
    /**
     * Starts a worker, and kills its home and whoever watches over it once it has written `up`; not before its engine has
     * noted that it runs, because one that is killed until then takes it for new.
     */
    const leaveUnwatched = async (home: TestHome, spec: WorkerSpec, output: string) => {
      await startAndDie(home, spec, { engine }, () => {
        readFileSync(home.file(output, 'up'))
        expect(containersOf(spec.name)).toEqual([expect.stringMatching(/ (running|up)\b/i)])
      })
      const begun = join(home.folder, 'workers', spec.name, 'begun')
      const supervisor = parseProcess(readFileSync(begun, 'utf8'))
      process.kill(-(supervisor?.pid ?? 0), 'SIGKILL')
      return begun
    }
    const appeared = (worker: string) =>
      eventually(() => expect(containersOf(worker)).toHaveLength(1))

    test('has no capability, gains none, sees no device, and is filtered by seccomp', async ({
      home,
    }) => {
      const { log } = await home.run(
        home.open({ engine, env }),
        sh('cat /proc/self/status; ls /dev'),
      )

      expect(log).toMatch(/^CapPrm:\s0+$/m)
      expect(log).toMatch(/^CapBnd:\s0+$/m)
      expect(log).toMatch(/^NoNewPrivs:\s1$/m)
      expect(log).toMatch(/^Seccomp:\s2$/m)
      expect(log).not.toMatch(/^(sd|vd|nvme|kmsg|mem$)/m)
    })

    test('has no network unless it may', async ({ home }) => {
      const links = 'while read -r name rest; do echo "$name"; done < /proc/net/dev'
      const { log } = await home.run(home.open({ engine, env }), sh(links))

      expect(log.match(/^\w+:/gm)).toEqual(['lo:'])
    })

    // What an engine cannot enforce here, it cannot show.
    if (engine.enforced.memory)
      test('has as much memory as its limit says', async ({ home }) => {
        const state = await home.run(home.open({ engine, env }), {
          image,
          entrypoint: ['tail', '/dev/zero'],
          limits: { memory: 64 * 2 ** 20, cpu: 0.5 },
        })

        expect(state).toMatchObject({
          phase: 'failed',
          cause: 'program',
          exitCode: 137,
          message: '(container main) OOMKilled',
        })
      })

    test('says to the byte which image it was', async ({ home }) => {
      const state = await home.run(home.open({ engine, env }), sh('true'))
      const id = run(engine, 'image', 'inspect', '--format', '{{.Id}} {{.RepoDigests}}', image)

      expect(state).toMatchObject({
        phase: 'succeeded',
        image: expect.stringMatching(/sha256:\w{64}$/),
      })
      expect(id).toContain('image' in state && state.image?.split('@').at(-1))
    })

    test('whose image cannot be had ends with the reason', async ({ home }) => {
      const cluster = home.open({ engine, env })
      const missing = '127.0.0.1:1/no/such:1'
      const state = await home.run(cluster, { image: missing })

      expect(state).toMatchObject({ phase: 'failed', exitCode: 125 })
      expect(state).toHaveProperty(
        'message',
        expect.stringContaining(`${missing} cannot be pulled`),
      )
    })

    test('whose image is for another machine ends with the reason', async ({ home }) => {
      const foreign = foreignImage(engine, 's390x')
      images.push(foreign)
      const state = await home.run(home.open({ engine, env }), { image: foreign.name })

      expect(state).toMatchObject({ phase: 'failed', exitCode: 125, cause: 'plan' })
      expect(state).toHaveProperty(
        'message',
        expect.stringContaining('another kind of machine, s390x'),
      )
    })

    test('brings its command, variables and folder, which a plan may replace', async ({ home }) => {
      const named = imageWith(
        'ENTRYPOINT ["sh","-c"]',
        'CMD ["echo $A $B $PWD"]',
        'ENV A=1',
        'ENV B=2',
        'WORKDIR /work',
      )
      const cluster = home.open({ engine, env })
      const logOf = async (spec: object) =>
        (await home.run(cluster, { image: named, entrypoint: [], ...spec })).log

      expect(await logOf({})).toBe('1 2 /work\n')
      expect(await logOf({ args: ['echo args $A'], env: { A: '3' } })).toBe('args 3\n')
      expect(await logOf({ entrypoint: ['ls', '/etc/passwd'] })).toBe('/etc/passwd\n')
    })

    test.for(['1000', 'app', 'root'])(
      'of the user %s leaves what all others may use',
      async (user, { home }) => {
        const cluster = home.open({ engine, env })
        const own = imageWith(`USER ${user}`)
        const volume = await home.volume(cluster)
        const script = 'umask 077; mkdir /out/a; echo "$(id -u)" > /out/a/b; chmod 500 /out/a'
        const outputs = [{ volume, path: '/out' }]
        const made = await home.run(cluster, { ...sh(script), image: own, outputs })
        expect(made).toMatchObject({ phase: 'succeeded' })

        expect(await cluster.measureVolume(volume)).toMatchObject({ files: 1 })
        expect(statSync(home.file(volume, 'a/b')).uid).toBe(process.getuid?.() || 65534)
        const inputs = [{ volume, path: '/in' }]
        const uid = engine.user?.split(':')[0] ?? (user === 'root' ? '0' : '1000')
        for (const reader of [image, imageWith('USER 4321'), 'knit.local/host:1']) {
          const read = await home.run(cluster, {
            ...sh('read -r a < /in/a/b; echo "$a"'),
            image: reader,
            inputs,
          })
          expect(read).toMatchObject({ phase: 'succeeded', log: `${uid}\n` })
        }
        await cluster.deleteVolume(volume)
        expect(readdirSync(join(home.folder, 'trash'))).toEqual([])
      },
    )

    test('is found again, with what it wrote, when all who watched over it were killed', async ({
      home,
    }) => {
      const first = home.open({ engine, env })
      const [input, output, logVolume] = [
        await home.volume(first),
        await home.volume(first),
        await home.volume(first),
      ]
      const spec = workerSpec({
        ...sh(
          'echo before; touch /out/up; while [ ! -e /in/go ]; do sleep 0.05; done; echo after; exit 3',
        ),
        inputs: [{ volume: input, path: '/in' }],
        outputs: [{ volume: output, path: '/out' }],
        logVolume,
      })
      await first.close({ stopWorkers: false })
      await leaveUnwatched(home, spec, output)

      const second = home.open({ engine: undefined, env })
      expect(await second.findWorker(spec.name)).toMatchObject({ state: { phase: 'running' } })
      writeFileSync(home.file(input, 'go'), '')
      expect(await endOf(second, spec.name)).toMatchObject({
        phase: 'failed',
        exitCode: 3,
        cause: 'program',
      })
      expect(readFileSync(home.file(logVolume, 'log'), 'utf8')).toBe('before\nafter\n')
      expect(containersOf(spec.name)).toEqual([])
    })

    test('that ended while nobody watched tells how', async ({ home }) => {
      const first = home.open({ engine, env })
      const [input, output] = [await home.volume(first), await home.volume(first)]
      const spec = workerSpec({
        ...sh('touch /out/up; while [ ! -e /in/go ]; do sleep 0.05; done; exit 4'),
        inputs: [{ volume: input, path: '/in' }],
        outputs: [{ volume: output, path: '/out' }],
      })
      await first.close({ stopWorkers: false })
      await leaveUnwatched(home, spec, output)
      writeFileSync(home.file(input, 'go'), '')
      await eventually(() => {
        expect(containersOf(spec.name)).toEqual([expect.stringMatching(/exited/i)])
      })

      expect(await endOf(home.open({ env }), spec.name)).toMatchObject({
        phase: 'failed',
        exitCode: 4,
      })
    })

    /** What becomes known of a container that ran when the machine was restarted; its file `begun` is of the boot before. */
    const restarts: Record<string, (name: string, begun: string) => void> = {
      'that it has ended well': (_, begun) => {
        const { pid = 0, since = '' } = parseProcess(readFileSync(begun, 'utf8')) ?? {}
        writeFileSync(begun, `${pid} ${since} ${randomUUID()}\n`)
      },
      'that it was never started': (name) => {
        run(engine, 'rm', '--force', name)
        run(engine, 'create', `--name=${name}`, image, 'sh', '-c', ':')
      },
    }
    test.for(Object.entries(restarts))(
      'that ran when the machine was restarted is lost, though its engine says %s',
      async ([, restart], { home }) => {
        const first = home.open({ engine, env })
        const [input, output] = [await home.volume(first), await home.volume(first)]
        const spec = workerSpec({
          ...sh('touch /out/up; while [ ! -e /in/go ]; do sleep 0.05; done'),
          inputs: [{ volume: input, path: '/in' }],
          outputs: [{ volume: output, path: '/out' }],
        })
        await first.close({ stopWorkers: false })
        const begun = await leaveUnwatched(home, spec, output)
        writeFileSync(home.file(input, 'go'), '')
        const [container = ''] = containersOf(spec.name)
        restart(container.split(' ')[0] ?? '', begun)

        expect(await endOf(home.open({ engine, env }), spec.name)).toMatchObject({
          phase: 'failed',
          cause: 'machine',
          message: expect.stringContaining('the machine was restarted'),
        })
        expect(run(engine, 'ps', '--all', '--format', '{{.Names}}')).not.toContain(spec.name)
      },
    )

    test('that was removed from outside is lost, by no fault of its program', async ({ home }) => {
      const cluster = home.open({ engine, env })
      const { name } = await start(cluster, sh('sleep 1000'))
      await appeared(name)
      await eventually(async () =>
        expect(await cluster.findWorker(name)).toMatchObject({ state: { phase: 'running' } }),
      )
      const [container = ''] = containersOf(name)
      run(engine, 'rm', '--force', container.split(' ')[0] ?? '')

      const state = await endOf(cluster, name)
      expect(state).toMatchObject({ phase: 'failed', exitCode: 137 })
    })

    test('is stopped with the home, asked first, and removed by name', async ({ home }) => {
      const cluster = home.open({ engine, env })
      const output = await home.volume(cluster)
      const stubborn = 'trap "touch /out/asked" TERM; touch /out/up; while :; do sleep 0.05; done'
      const { name } = await start(cluster, {
        ...sh(stubborn),
        outputs: [{ volume: output, path: '/out' }],
      })
      await eventually(() => readFileSync(home.file(output, 'up')))
      await cluster.close({ stopWorkers: true })

      expect(existsSync(home.file(output, 'asked'))).toBe(true)
      expect(containersOf(name)).toEqual([])
      expect(await home.open({ engine, env }).findWorker(name)).toMatchObject({
        state: { phase: 'failed', exitCode: 143, message: 'stopped with the local home' },
      })
    })

    test('does not get in the way of the next one of the same name', async ({ home }) => {
      const cluster = home.open({ engine, env })
      const { name } = await start(cluster, sh('trap "" TERM; while :; do sleep 0.05; done'))
      await appeared(name)
      await cluster.deleteWorker(name, { force: true })

      expect(await home.run(cluster, { name, ...sh('exit 5') })).toMatchObject({ exitCode: 5 })
      await eventually(() => expect(containersOf(name)).toEqual([]))
    })

    test('of a worker nobody knows any more is removed', async ({ home }) => {
      const cluster = home.open({ engine, env })
      const { name } = await start(cluster, sh('sleep 1000'))
      await appeared(name)
      const begun = readFileSync(join(home.folder, 'workers', name, 'begun'), 'utf8')
      await cluster.close({ stopWorkers: false })
      process.kill(-(parseProcess(begun)?.pid ?? 0), 'SIGKILL')
      execFileSync('rm', ['-r', join(home.folder, 'workers', name)])

      await home.open({ engine, env }).close({ stopWorkers: true })
      expect(containersOf(name)).toEqual([])
    })

    test('leaves the files of this machine, and images that were added, to the sandbox', async ({
      home,
    }) => {
      const cluster = home.open({ engine, env })
      const { log, ...state } = await home.sh(cluster, 'ls -d /usr')

      expect(log).toBe('/usr\n')
      expect(state).not.toHaveProperty('image')
      expect(cluster.engine).toBe(engine.name)
    })

    test('shows no value of a variable among the arguments of a process', async ({ home }) => {
      const cluster = home.open({ engine, env })
      const { name } = await start(cluster, {
        ...sh('sleep 1000'),
        env: { TOKEN: 'a secret, "quoted"', PLAIN: 'a secret' },
      })
      await appeared(name)
      const lines = readFileSync(join(home.folder, 'workers', name, 'env'), 'utf8')

      expect(lines).toBe('PLAIN=a secret\n')
      expect(statSync(join(home.folder, 'workers', name, 'env')).mode & 0o077).toBe(0)
    })
  })
