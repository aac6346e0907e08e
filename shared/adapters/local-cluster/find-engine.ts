import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { discard } from '#shared/files/trash.ts'
import { bind, call, confinement, type Answer, type Engine } from './engine.ts'
import { openHome, type Home } from './home.ts'
import { TOOLS } from './private-folders.ts'
import { isInstalled } from './sandboxes.ts'

export type EngineName = Engine['name']
export const engineNames: EngineName[] = ['docker', 'podman']

type Place = { home: Home; env: NodeJS.ProcessEnv }

/** An engine that has just run a container as we need them, or why there is none. */
export type Found = { engine: Engine } | { problem: string }

/** Tries an engine of this machine, for the home in `folder`. */
export async function findEngine(
  name: EngineName,
  { folder, env }: { folder: string; env: NodeJS.ProcessEnv },
): Promise<Found> {
  const path = `${TOOLS}:${env['PATH'] ?? ''}`
  if (!isInstalled(name, path)) return { problem: 'it is not installed' }
  const place = { home: openHome(folder), env: { ...env, PATH: path } }
  const described = name === 'docker' ? await describeDocker(place) : await describePodman(place)
  if ('problem' in described) return described
  const problem = await tryOut(described.engine, place)
  if (problem === undefined) return described
  // The crun of some systems is too old, or too new, for their kernel.
  const other: Engine = { ...described.engine, words: ['podman', '--runtime', 'runc'] }
  const hasOther = name === 'podman' && isInstalled('runc', path)
  return hasOther && !(await tryOut(other, place)) ? { engine: other } : { problem }
}

async function describeDocker({ home, env }: Place): Promise<Found> {
  const format =
    '{{.MemoryLimit}} {{.CPUCfsQuota}} {{.PidsLimit}} {{json .SecurityOptions}} {{json .Runtimes}}'
  const { ok, output, error } = await call(['docker'], ['info', '--format', format], { env })
  if (!ok) return { problem: error }
  const [memory, cpu, processes] = output.split(' ').map((word) => word === 'true')
  const own = `${home.user.uid}:${home.user.gid}`
  // A daemon of root leaves files of root, and to one of ours we are root.
  const user = output.includes('name=rootless') ? '0:0' : own
  return {
    engine: {
      name: 'docker',
      words: ['docker'],
      direct: false,
      user: home.user.apart ? undefined : user,
      reclaim: home.user.apart ? ownerWords(home) : [],
      enforced: { memory: memory === true, cpu: cpu === true, processes: processes === true },
      gpus: output.includes('"nvidia"') ? await countGpus(env) : 0,
    },
  }
}

/**
 * Any question to the podman of an ordinary user leaves its `catatonit -P`, one for each user, which keeps the namespace of all
 * containers of that user. So it is not ours to end, and podman is asked only when it may be chosen.
 */
async function describePodman({ home, env }: Place): Promise<Found> {
  const format = '{{json .Host.CgroupControllers}} {{json .Plugins.Log}} {{.Host.ServiceIsRemote}}'
  const { ok, output, error } = await call(['podman'], ['info', '--format', format], { env })
  if (!ok) return { problem: error }
  if (output.endsWith('true')) return { problem: 'it runs on another machine' }
  const [controllers = ''] = output.split(' ')
  const has = (controller: string) => controllers.includes(`"${controller}"`)
  return {
    engine: {
      name: 'podman',
      words: ['podman'],
      direct: output.includes('"passthrough"'),
      user: undefined,
      reclaim: home.user.apart
        ? ownerWords(home)
        : ['podman', 'unshare', 'chown', '--recursive', '--no-dereference', '0:0'],
      enforced: { memory: has('memory'), cpu: has('cpu'), processes: has('pids') },
      gpus: 0,
    },
  }
}

function ownerWords({ user }: Home): string[] {
  return ['chown', '--recursive', '--no-dereference', `${user.uid}:${user.gid}`]
}

async function countGpus(env: NodeJS.ProcessEnv): Promise<number> {
  const { ok, output } = await call(['nvidia-smi'], ['--list-gpus'], { env, deadline: 10_000 })
  return ok ? output.split('\n').filter((line) => line.startsWith('GPU ')).length : 0
}

const IMAGE = 'knit.local/try:1'
const SHOWN = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/usr', '/nix', '/gnu']

/** Runs programs of this machine in an empty image, on a volume: what works for them, works. */
async function tryOut(engine: Engine, { home, env }: Place): Promise<string | undefined> {
  const run = (args: string[], input?: Buffer): Promise<Answer> =>
    call(engine.words, args, { env, deadline: 60_000, ...(input && { input }) })
  const there = await run(['image', 'inspect', IMAGE])
  // The end of an archive, and nothing before it.
  const image = there.ok ? there : await run(['import', '-', IMAGE], Buffer.alloc(1024))
  if (!image.ok) return image.error

  const volume = join(home.trash, randomUUID())
  mkdirSync(volume)
  chmodSync(volume, 0o777)
  try {
    writeFileSync(join(volume, 'asked'), 'ready', { mode: 0o644 })
    const ran = await run([
      'run',
      '--rm',
      '--network=none',
      ...confinement(engine),
      ...SHOWN.filter((path) => existsSync(path)).map((path) => bind(path, path, 'readonly')),
      bind(volume, '/volume'),
      IMAGE,
      '/bin/sh',
      '-c',
      'read -r word < /volume/asked; echo "$word" > /volume/answered',
    ])
    if (!ran.ok) return ran.error
    const answered = join(volume, 'answered')
    const isRight = existsSync(answered) && readFileSync(answered, 'utf8') === 'ready\n'
    return isRight ? undefined : 'its containers do not see the folders of this machine'
  } finally {
    await discard(home, volume)
  }
}
