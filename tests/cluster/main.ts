import { startVitest, type Vitest } from 'vitest/node'
import { runProgram } from '#shared/runtime/command-line.ts'
import type { Layout } from '../support/account-rights.ts'
import ClosingLine from '../support/closing-line.ts'
import { findCluster, type Cluster } from './cluster.ts'
import { layoutNamed, type Installed } from './installation.ts'
import { phase } from './phase.ts'
import { install, type Release } from './release.ts'
import { testValues } from './values.ts'

const usage = `Usage: npm run test:cluster -- [--all] [--keep] [--layout LAYOUT] [TEST…]

Installs the chart in a real cluster with Knative and tests it there: in that of KNIT_TEST_KUBECONFIG (with the context
KNIT_TEST_KUBECTX, in namespaces that begin with KNIT_TEST_NAMESPACE, and our image by the name KNIT_TEST_IMAGE), or else in one of
one node that is raised on this machine, as root, and lowered again unless it was there before.

  --all        also what takes hours: faults of every kind under load, an upgrade, 300 data on a node, releases that go and come
               back, the layout of volumes in which Data share one
  --keep       leave the cluster and the installation as they are
  --layout     how the installation keeps Data: per-data, or shared, for tests of \`fire/\`
  --help       show this
`

process.exitCode = await runProgram({
  usage,
  options: {
    all: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    layout: { type: 'string', default: 'per-data' },
  },
  takesWords: true,
  async run({ all, keep, layout: named }, tests) {
    const layout = layoutNamed(named)
    const interruption = interruptible()
    const result = { closing: '0 passed, 1 failed', good: false }
    const reporter = new ClosingLine({
      say: (closing) =>
        Object.assign(result, { closing, good: /^[1-9]\d* passed, 0 failed/.test(closing) }),
    })
    try {
      await inCluster({ keep, layout }, (cluster, release) =>
        testIn(cluster, release, { all, layout, tests, reporter, interruption }),
      )
    } catch (error) {
      result.good = false
      result.closing = result.closing.replace(', 0 failed', ', 1 failed')
      console.error((error as Error).message)
    }
    console.log(result.closing)
    if (interruption.aborted) return 130
    return result.good ? 0 : 1
  },
})

/** Aborted when somebody does not want to wait: what was made for the tests goes all the same, unless he is told twice. */
function interruptible(): AbortSignal {
  const interruption = new AbortController()
  const interrupt = () => {
    console.error('Interrupted: what was made for the tests is removed; once more leaves it.')
    interruption.abort()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt)
  return interruption.signal
}

/** Finds a cluster and installs the chart there for some work; both are left again, unless they are kept. */
async function inCluster(
  { keep, layout }: { keep: boolean; layout: Layout },
  work: (cluster: Cluster, release: Release) => Promise<void>,
): Promise<void> {
  const cluster = await findCluster()
  try {
    const values = (namespace: string) => ({ ...testValues(namespace), 'volumes.layout': layout })
    const release = await phase('the chart is installed', () => install(cluster, values))
    try {
      await work(cluster, release)
    } finally {
      if (!keep) await phase('the release is removed', release.remove)
    }
  } finally {
    if (!keep) await phase('the cluster is left', cluster.lower)
  }
}

type Chosen = {
  all: boolean
  layout: Layout
  tests: string[]
  reporter: ClosingLine
  interruption: AbortSignal
}

async function testIn(
  { env, images, namespacePrefix, mayEnforcePolicies, ownNode }: Cluster,
  { namespace, apiRoot, token, values }: Release,
  { all, layout, tests, reporter, interruption }: Chosen,
): Promise<void> {
  interruption.throwIfAborted()
  const release = { namespace, apiRoot, token, values }
  const installed: Installed = { ...release, images, mayEnforcePolicies, ownNode, layout }
  console.log(`${apiRoot} in the namespace ${namespace}, with the token ${token}`)
  Object.assign(process.env, env, {
    KNIT_TEST_KUBECONFIG: env.KUBECONFIG,
    KNIT_TEST_NAMESPACE: namespacePrefix,
    KNIT_TEST_IMAGE: images.knitfab,
    KNIT_TEST_TOOLS: images.tools,
    KNIT_TEST_INSTALLED: JSON.stringify(installed),
  })
  // The file has one context, which is the current one; that of a cluster raised here is called otherwise.
  delete process.env['KNIT_TEST_KUBECTX']
  const config = 'tests/cluster/vitest.config.ts'
  const onInit = (vitest: Vitest) => {
    interruption.addEventListener('abort', () => void vitest.cancelCurrentRun('keyboard-input'))
  }
  const reporters = ['default', reporter, { onInit }]
  // Others write beside the configuration, which is not everybody's.
  const configLoader = 'native' as const
  // Who names tests wants them, wherever they are.
  const project = all || tests.length > 0 ? [] : ['!fire', '!again', '!shared']
  const options = { config, configLoader, project, run: true, watch: false, reporters }
  const vitest = await phase('tests', () => startVitest('test', tests, options))
  await vitest.close()
}
