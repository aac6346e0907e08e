import type { World } from '#shared/runtime/context.ts'
import type { Call } from '#tests/support/gate/gate.ts'
import { hooksAt } from '#tests/support/gate/gated-hooks.ts'
import type { QuietWorld } from './quiet-world.ts'

/** A function at work, in a world that it may be disturbed in. */
export type Scenario<W extends World = QuietWorld> = {
  /** What it does, in words: 'a run that is ready'. */
  of: string
  /** The answer that is right; any success, unless given. */
  status?: number
  /** Where it takes long: the calls that are disturbed; all, unless given. */
  only?(call: Call): boolean
  /** Makes the world before, and gives back the call of the function, which may be made more than once. */
  arrange(world: W): Promise<(world: World) => Promise<Response>>
}

/** The path of a hook that does not take the first call. */
export const reluctant = '/reluctant'

/** The same where hooks are asked before every move, and told of it afterwards. */
export const hooked = ({ of, arrange, ...more }: Scenario): Scenario => ({
  ...more,
  of: `${of}, with hooks`,
  async arrange(world) {
    const act = await arrange(world)
    const { config } = world
    world.config = { ...config, hooksBefore: [`${hooksAt}/asked`], hooksAfter: [`${hooksAt}/told`] }
    return act
  },
})

/** A scenario without hooks, and with them: there what hooks add is disturbed, which is their calls and the transactions they need. */
export const bothWays = (scenario: Scenario): Scenario[] => [
  scenario,
  hooked({
    ...scenario,
    only: ({ port, inTransaction, what }) =>
      port === 'hooks' || inTransaction === true || what === 'commit',
  }),
]
