import type { World } from '#shared/runtime/context.ts'
import type { QuietWorld } from './quiet-world.ts'

/** A function at work, in a world that it may be disturbed in. */
export type Scenario<W extends World = QuietWorld> = {
  /** What it does, in words: 'a run that is ready'. */
  of: string
  /** Makes the world before, and gives back the call of the function, which may be made more than once. */
  arrange(world: W): Promise<(world: World) => Promise<Response>>
}
