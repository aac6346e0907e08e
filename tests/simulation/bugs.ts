import type { Step } from '#shared/workflow/triggers.ts'
import type { Habits } from './habits.ts'

/** How an engine is broken, from outside: nothing in the product knows of it. */
export type Bug = {
  /** Done to the database after its migrations. */
  schema?: string
  /** What becomes of a statement on its way to the server; each `…` is a parameter, and has to stay. */
  reword?(statement: string): string
  /** A step that never runs. */
  without?: Step
  /** What makes it likely to show. */
  habits?: Partial<Habits>
  /** The first seed to try, where those before are known not to show it. */
  from?: number
  /** What is found to be wrong because of it. */
  shows: RegExp
}

/** Nothing but the bug keeps anybody from his work. */
const undisturbed = {
  lost: 0,
  badSql: 0,
  badCluster: 0,
  badBroker: 0,
  kills: 0,
  deliveries: 3,
  crowd: 10,
} satisfies Partial<Habits>

/** Nothing but tags, pushes and plans, and some who stop for long in the middle of matching and projecting them. */
const busyTags = {
  ...undisturbed,
  held: 1,
  kinds: 1,
  toggles: 0.1,
  moves: 0.1,
  wishes: 20,
  slow: 0.1,
} satisfies Partial<Habits>

/** Takes a piece out of every statement that has it, or puts another there. */
const replaced =
  (piece: string | RegExp, by = '') =>
  (statement: string): string =>
    statement.replaceAll(new RegExp(piece, 'g'), by)

/** What holds the engine together, taken away one at a time. */
export const bugs = {
  'a combination may have two runs': {
    shows: /No combination of inputs has two runs/,
    from: 46,
    schema: 'alter table run drop constraint run_plan_id_combination_key',
    reword: replaced(/on conflict \(plan_id, combination\) do nothing/),
  },
  'a move does not ask whether the attempt is still the one that was claimed': {
    shows: /who did not hold it/,
    from: 120,
    habits: {
      ...undisturbed,
      kinds: 1,
      end: 0.002,
      toggles: 0.1,
      moves: 2,
      wishes: 10,
      slow: 0.1,
      crowd: 30,
      nodeLosses: 0.1,
      jumps: 0.1,
      wakes: 1,
      sweeps: 0.1,
      held: 0,
    },
    // The claim says the same, so it has to go too.
    reword: replaced(
      /\(status, attempt, claim\) = \(…, …, …::uuid\)/,
      'status = … and …::integer is not null and …::uuid is not null',
    ),
  },
  'a move does not ask whether the status is still the one that was claimed': {
    shows: /leads by legal moves/,
    from: 55,
    habits: { moves: 4, slow: 0.3 },
    reword: replaced(
      /\(status, attempt, claim\) = \(…, …, …::uuid\)/,
      '…::text is not null and attempt = … and …::uuid is not null',
    ),
  },
  'a projection does not look again whether data fit': {
    shows: /which did not fit/,
    from: 8,
    habits: busyTags,
    reword: replaced(/where tags @> wanted/, 'where true or tags @> wanted'),
  },
  'a projection does not hold its plan': {
    shows: /while (its plan was|their plan is)/,
    habits: { ...undisturbed, toggles: 4, moves: 0.1, slow: 0.3, wishes: 30, haste: 0.2, held: 0 },
    reword: replaced(/^for (share|no key update)$/),
  },
  'a worker of the same name is taken for that of the attempt': {
    shows: /not what uid/,
    from: 22,
    habits: {
      ...undisturbed,
      twins: 3,
      held: 0,
      end: 0.002,
      moves: 0.1,
      toggles: 0.1,
      workers: 0.2,
    },
    reword: replaced(
      /\(select worker_uid from attempt where run_id = run.id and number = run.attempt\)/,
      'null::text',
    ),
  },
  'calls of after-hooks are forgotten': {
    shows: /hooks were told of run/,
    habits: { ...undisturbed, hooks: 1 },
    reword: replaced(
      /from unnest\(…::text\[\]\) as url/,
      'from unnest(…::text[]) as url where false',
    ),
  },
  'facts are not kept until they are matched': {
    shows: /no run was made for/,
    schema: `
      create function sim.forget() returns trigger language plpgsql as 'begin return null; end';
      create trigger forget before insert on match_task for each row execute function sim.forget()`,
  },
  'matching forgets facts that it has not read': {
    shows: /no run was made for/,
    habits: busyTags,
    reword: replaced(
      /delete from match_task where id = any \(…::bigint\[\]\)/,
      'delete from match_task where …::bigint[] is not null',
    ),
  },
  'nobody sweeps': {
    shows: /waits|looked at again soon/,
    from: 10,
    habits: { wishes: 6 },
    without: 'sweep',
  },
} satisfies Record<string, Bug>
export type BugName = keyof typeof bugs

export const isBug = (name: string): name is BugName => name in bugs
