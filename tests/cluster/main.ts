import { runProgram } from '#shared/runtime/command-line.ts'
import { findCluster, type Cluster } from './cluster.ts'
import { phase, show } from './phase.ts'
import { install } from './release.ts'

const usage = `Usage: npm run test:cluster -- [--keep] [TEST…]

Installs the chart in a real cluster with Knative and tests it there: in that of KNIT_TEST_KUBECONFIG (with the context
KNIT_TEST_KUBECTX, in namespaces that begin with KNIT_TEST_NAMESPACE, and the image KNIT_TEST_IMAGE), or else in one of one node
that is raised on this machine, as root, and lowered again.

  --keep       leave the cluster and the installation as they are
  --help       show this
`

process.exitCode = await runProgram({
  usage,
  options: { keep: { type: 'boolean', default: false } },
  takesWords: true,
  async run({ keep }, tests) {
    const cluster = await phase('a cluster', findCluster)
    try {
      return await testIn(cluster, tests, keep)
    } finally {
      if (!keep) await phase('the cluster is left', cluster.lower)
    }
  },
})

async function testIn(cluster: Cluster, tests: string[], keep: boolean): Promise<number> {
  const release = await phase('the chart is installed', () => install(cluster))
  const { namespace, apiRoot, token } = release
  const vitest = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'tests/cluster/vitest.config.ts',
  ]
  try {
    return await phase('tests', () =>
      show([process.execPath, ...vitest, ...tests], {
        ...cluster.env,
        KNIT_TEST_INSTALLED: JSON.stringify({ namespace, apiRoot, token, images: cluster.images }),
      }),
    )
  } finally {
    if (keep) console.log(`${apiRoot} in the namespace ${namespace}, with the token ${token}`)
    else await phase('the release is removed', release.remove)
  }
}
