import type { Sql } from '#shared/database/sql.ts'
import { hooksAt, type HookCall } from '#tests/support/gate/gated-hooks.ts'

/** How an installation names its hooks. */
export const hookSettings = {
  hooksBefore: [`${hooksAt}/asked`],
  hooksAfter: [`${hooksAt}/told`],
  // Longer than anything takes by the clock of the machine, which no schedule depends on.
  hookTimeout: 3600,
  // However often they fail, they are called in the end.
  maxHookFailures: 1000,
}

/** Hooks that agree to everything, and keep what they were asked and told. */
export class SimulatedHooks {
  /** How often they agreed to a move, by run and status. */
  readonly #agreed = new Map<string, number>()
  /** What they were told of each run, in order; what was told again is told once. */
  readonly #told = new Map<string, string[]>()
  readonly #deliveries = new Set<string>()

  answer({ about, id, body: { runId } }: HookCall): Response {
    const [when, status = ''] = about.split(' ')
    const move = `${runId} ${status}`
    if (when === 'before') this.#agreed.set(move, this.#timesAgreed(move) + 1)
    else if (!this.#deliveries.has(id)) {
      this.#deliveries.add(id)
      this.#told.set(runId, [...(this.#told.get(runId) ?? []), status])
    }
    return new Response()
  }

  #timesAgreed = (move: string): number => this.#agreed.get(move) ?? 0

  /** Moves of steps that were made without asking, or of which the hooks have heard otherwise than they were made. */
  async findUntold(sql: Sql): Promise<string[]> {
    const runs = await sql<{ runId: string; moves: string[] }[]>`
      select run_id as "runId", array_agg(status::text order by id) as moves
        from run_history
       where actor in ('initialize-run', 'start-run', 'observe-worker', 'finish-run')
       group by run_id
       order by run_id`
    return runs.flatMap(({ runId, moves }) => {
      const told = this.#told.get(runId) ?? []
      const isTold = told.join(' ') === moves.join(' ')
      const unasked = moves.filter((status) => {
        const made = moves.filter((one) => one === status).length
        return this.#timesAgreed(`${runId} ${status}`) < made
      })
      return [
        ...unasked.map((status) => `run ${runId} was moved to ${status} and no hook had agreed`),
        ...(isTold ? [] : [`hooks were told of run ${runId}: ${told}; it was ${moves}`]),
      ]
    })
  }
}
