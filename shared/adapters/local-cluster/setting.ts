import type { Engine } from './engine.ts'
import type { Home } from './home.ts'
import type { Limits } from './limits.ts'
import type { SandboxMaker } from './sandbox.ts'

/** How this home runs programs; the same for all workers. */
export type Setting = {
  home: Home
  maker: SandboxMaker
  /** What runs images that were not added to this home, if there is one. */
  engine: Engine | undefined
  limits: Limits
  path: string
  /** Our own environment, for the programs of an engine. */
  env: NodeJS.ProcessEnv
  /** Folders of this machine that no program sees. */
  hide: string[]
  /** Folders in which people keep what is theirs: programs see what they need to run. */
  privates: string[]
  devices: string[]
  /** Most processes of a worker. */
  processes: number
  /** Memory of the machine, the measure of a private /tmp where no limit is given. */
  memory: number
}
