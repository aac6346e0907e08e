import { Misused, runProgram } from '#shared/runtime/command-line.ts'
import { loadImage, lowerOwn, ownCluster, ownEnv, ownRuns } from './cluster.ts'
import { Failed, phase, show } from './phase.ts'
import { bring } from './release.ts'

const usage = `Usage: npm run cluster -- up|down|image|status

A cluster of one node on this machine, with Knative and with the chart as this checkout has it. Takes root.

  up        raise it, or bring what is there to what is in this checkout
  down      end it; what was built for it is kept, so that it is up within a minute the next time
  image     build the image of this checkout, give it to the cluster and print its name there
  status    show what runs in it
`

const namespace = 'knitfab'

const commands: Record<string, () => Promise<number | void>> = { up, down: lowerOwn, image, status }

const noCluster = 'There is no cluster: npm run cluster -- up raises one.'

process.exitCode = await runProgram({
  usage,
  options: {},
  takesWords: true,
  async run(_options, [name = '', ...more]) {
    const command = commands[name]
    if (!command || more.length > 0)
      throw new Misused(
        name ? `There is no command ${[name, ...more].join(' ')}.` : 'A command is missing.',
      )
    try {
      return await command()
    } catch (error) {
      if (!(error instanceof Failed)) throw error
      console.error(error.message)
      return 1
    }
  },
})

async function up(): Promise<void> {
  const cluster = await ownCluster()
  const { apiRoot, token } = await phase('the chart is installed', () => bring(cluster, namespace))
  console.log(`
  export KUBECONFIG=${cluster.env.KUBECONFIG}
  printf 'apiRoot: %s\\ntoken: %s\\n' ${apiRoot} ${token} > knitprofile && npx knit init knitprofile`)
}

async function image(): Promise<void> {
  if (!(await ownRuns())) throw new Failed(noCluster)
  console.log(await loadImage())
}

async function status(): Promise<number> {
  const kubectl = (...words: string[]) => show(['kubectl', ...words], ownEnv)
  if ((await kubectl('get', 'nodes', '--request-timeout', '5s')) !== 0) {
    console.error(noCluster)
    return 1
  }
  return kubectl('-n', namespace, 'get', 'pods,ksvc')
}
