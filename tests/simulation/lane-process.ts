import { connect } from '#shared/database/sql.ts'
import { bugs, type BugName } from './bugs.ts'
import { simulate, type Circumstances } from './simulation.ts'
import { setStage } from './stage.ts'

/** What a lane is made with; see `openLane`. */
export type LaneSetting = {
  url: string
  path: string
  database: string
  bug: BugName | undefined
  circumstances: Circumstances
}

const { url, path, database, bug, circumstances } = JSON.parse(process.argv[2] ?? '') as LaneSetting
const stage = await setStage(
  (options) => connect(url, { path, database, ...options }),
  bug && bugs[bug],
)

process.on('message', (seed: number) => {
  void simulate(stage, seed, circumstances).then((result) => process.send?.(result))
})
// Timers may be left of processes that died.
process.on('disconnect', () => void stage.close().then(() => process.exit()))
