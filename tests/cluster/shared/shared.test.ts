import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect } from 'vitest'
import { sharedAgent, sharedClaim } from '#shared/adapters/kubernetes-cluster/mounts.ts'
import { until } from '#tests/support/until.ts'
import { installAnother, type AnotherRelease } from '../another-release.ts'
import { installed, kubernetes, type Installed } from '../installation.ts'
import { test as base } from '../installed.ts'
import { run as execute } from '../phase.ts'
import { remove } from '../release.ts'
import { allowedTo, expectedRights, wordsOf } from '../rights.ts'
import { accounts } from '../values.ts'
import { isRunning, outputOf, type Work } from '../work.ts'
import { makeDatabase, type TheirDatabase } from './their-database.ts'

const { core } = kubernetes()
const first = installed()
const namespace = `${first.namespace}-shared`
const restricted = 'pod-security.kubernetes.io/enforce=restricted'
let there: AnotherRelease
let database: TheirDatabase | undefined

/** A release whose Data share one claim, where nobody may be root, with a database of somebody else; the first one makes room for it. */
beforeAll(async () => {
  const where = ['--namespace', first.namespace]
  await execute(['helm', 'uninstall', 'knitfab', '--ignore-not-found', ...where])
  await execute(['kubectl', 'create', 'namespace', namespace])
  await execute(['kubectl', 'label', 'namespace', namespace, restricted])
  const theirs = await makeDatabase(first.values, `${namespace}-database`)
  database = theirs
  await execute(['kubectl', '-n', namespace, 'create', 'secret', 'generic', ...theirs.secret])
  const changes = {
    'volumes.layout': 'shared',
    'workers.profile': 'restricted',
    ...theirs.values,
  }
  there = await installAnother(first, namespace, changes)
}, 15 * 60_000)

afterAll(async () => {
  await remove({}, namespace)
  await database?.remove()
}, 10 * 60_000)

const test = base.extend<{ there: Installed }>({
  there: async ({}, use) => use(there),
})

/** The only run of a new plan, of a program of Node in an image that is nobody's but ours, and not root. */
const start = (work: Work, program: string): Promise<string> =>
  work.start('', {
    // A plan names no digest.
    image: first.images.knitfab.replace(/@.*$/, ':latest'),
    entrypoint: ['/usr/local/bin/node', '-e', program],
  })

test('data are pushed, read, written, pulled and deleted in directories of one claim, by programs that are not root', async ({
  work,
  knit,
}) => {
  const runId = await start(work, "fs.copyFileSync('/in/text', '/out/text'); console.log('said')")
  const run = await work.end(runId)
  expect(run).toMatchObject({ status: 'done', exit: { code: 0 } })
  expect(await work.pull(outputOf(run))).toEqual({ text: 'material\n' })
  expect(await knit('run', 'show', '--log', runId)).toBe('said\n')
  const { items } = await core.listNamespacedPersistentVolumeClaim({ namespace })
  expect(items.map(({ metadata }) => metadata?.name)).toEqual([sharedClaim])

  const directories = async () => {
    const listed = await there.kubectl(
      'exec',
      `deployment/${sharedAgent}`,
      '--',
      '/usr/local/bin/node',
      '-e',
      "console.log(require('fs').readdirSync('/data/volumes').join(' '))",
    )
    return listed.split(' ')
  }
  const before = await directories()
  await knit('run', 'rm', runId)
  await until(async () => (await directories()).length === before.length - 2)
  await knit('admin', 'check')
})

test('a log is followed where it is kept in a directory, too', async ({ work, knit, begin }) => {
  const runId = await start(work, "console.log('begun'); setTimeout(() => {}, 1e6)")
  await work.until(runId, isRunning)
  const log = begin('run', 'show', '--log', '--follow', runId)
  const [line] = (await once(log.stdout, 'data')) as [Buffer]
  await knit('run', 'stop', runId)
  expect(line.toString() + (await text(log.stdout))).toBe('begun\n')
  expect(await work.end(runId)).toMatchObject({ status: 'done' })
})

const expected = expectedRights('shared')
test.for([...expected.keys()].filter((name) => name !== accounts.guest))(
  'where all Data are in one claim, %s may do what its calls ask of the API server, and nothing else',
  async (account) => {
    expect(await allowedTo(namespace, account)).toEqual(wordsOf(expected.get(account)))
  },
)

test('when Data are to go with the release nothing of it is left, and what is somebody else’s stays', async () => {
  const helm = (...words: string[]) => execute(['helm', ...words, '--namespace', namespace])
  await there.kubectl('create', 'secret', 'generic', 'theirs')
  const change = ['--reset-then-reuse-values', '--set', 'uninstall.deleteData=true']
  await helm('upgrade', 'knitfab', 'charts/knitfab', ...change)
  await helm('uninstall', 'knitfab')
  await until(async () => {
    // Knative gives its Pods minutes, and they have nothing to lose.
    await there.kubectl('delete', 'pod', '--selector', 'knitfab.dev/kind=function', '--force')
    const ours = ['--selector', 'app.kubernetes.io/part-of=knit', '--output', 'name']
    return (await there.kubectl('get', 'pod,job,pvc,secret', ...ours)) === ''
  })
  expect(await there.kubectl('get', 'secret', 'theirs', '--output', 'name')).toBe('secret/theirs')
})
