import { join, resolve } from 'node:path'
import { connectApi } from '#shared/client/connect.ts'
import { runProgram } from '#shared/runtime/command-line.ts'
import { furtherCommands } from './further.ts'
import {
  demoFolder,
  freshHome,
  knitOf,
  profileName,
  profileStore,
  startLocalHome,
  stopLocalHome,
  type LocalHome,
} from './local-home.ts'
import { playScenario, type Outcome } from './scenario.ts'
import { alignColumns, makeScreen, shortPath, type Screen } from './screen.ts'
import { DemoFailed } from './stage.ts'

const usage = `Usage: npm run demo -- [--home DIR] [--keep]

The main job on this machine, from data to report: starts a local home, pushes handwritten digits, lets plans
train, evaluate and report, and checks what has run.

  --home DIR   keep everything in DIR, and use what an earlier demo left there; default: a new folder in .knit
  --keep       leave the local home running
  --help       show this
`

type Options = { home: string; keep: boolean }

process.exitCode = await runProgram({
  usage,
  options: { home: { type: 'string' }, keep: { type: 'boolean', default: false } },
  run: ({ home, keep }) => main({ keep, home: resolve(home ?? freshHome()) }),
})

async function main(options: Options): Promise<number> {
  const screen = makeScreen(process.stdout, process.env)
  const interruption = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => {
      screen.live('stopping …')
      interruption.abort()
    })
  // Nobody reads any more, as in `npm run demo | head`.
  process.stdout.on('error', () => interruption.abort())
  try {
    await demonstrate(options, screen, interruption.signal)
    return 0
  } catch (error) {
    if (interruption.signal.aborted) screen.line('interrupted; what was started has been stopped')
    else showFailure(screen, error)
    return interruption.signal.aborted ? 130 : 1
  }
}

async function demonstrate(options: Options, screen: Screen, signal: AbortSignal): Promise<void> {
  screen.line(screen.paint('bold', 'Knitfab, from data to report: reading handwritten digits'))
  screen.heading('Starting a local home')
  screen.live(`in ${shortPath(options.home)} …`)
  let runsOn = false
  try {
    const local = await startLocalHome(options.home)
    runsOn = local.wasRunning
    signal.throwIfAborted()
    const note = local.wasRunning ? ', which runs already' : ''
    screen.line(`${shortPath(local.home)}: ${local.apiRoot}${note}`)

    const knit = await knitOf(local, signal)
    const folder = demoFolder(local.home)
    const outcome = await playScenario({ knit, api: connectApi(local), folder, screen, signal })
    runsOn ||= options.keep
    showWhereToLook(screen, { outcome, local, runsOn })
  } finally {
    if (!runsOn) await stopLocalHome(options.home)
  }
  const end = runsOn ? 'the local home runs on' : 'the local home has been stopped'
  screen.heading(`Done: everything ran as it should; ${end}`)
}

function showWhereToLook(
  screen: Screen,
  { outcome, local, runsOn }: { outcome: Outcome; local: LocalHome; runsOn: boolean },
): void {
  const { results, lineageFile, run, report } = outcome
  const pictures = results.map(({ name, folder }) => [
    `picture of ${name}`,
    shortPath(join(folder, 'report', 'report.svg')),
  ])
  const lines = (rows: string[][]) => alignColumns(rows).forEach((text) => screen.line(text))

  screen.heading('Where to look')
  lines([...pictures, ['lineage as a graph', `${shortPath(lineageFile)} (for Graphviz)`]])

  screen.heading(runsOn ? 'The local home runs on' : 'To look further')
  lines(
    furtherCommands({
      home: shortPath(local.home),
      port: new URL(local.apiRoot).port,
      profileStore: shortPath(profileStore(local.home)),
      profileName,
      run,
      report,
      runsOn,
    }),
  )
}

function showFailure(screen: Screen, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  screen.line()
  screen.line(screen.paint('red', `The demo failed: ${message}`))
  const details = error instanceof DemoFailed ? error.details : [String((error as Error)?.stack)]
  for (const detail of details) screen.line(`  ${detail}`)
}
