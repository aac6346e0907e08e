import type { Step } from '#shared/workflow/triggers.ts'

/** How an engine is broken, from outside: nothing in the product knows of it. */
export type Bug = {
  /** Done to the database after its migrations. */
  schema?: string
  /** What becomes of a statement on its way to the server; each `…` is a parameter, and has to stay. */
  reword?(statement: string): string
  /** A step that never runs. */
  without?: Step
}

/** Takes a piece out of every statement that has it, or puts another there. */
const replaced =
  (piece: string | RegExp, by = '') =>
  (statement: string): string =>
    statement.replaceAll(new RegExp(piece, 'g'), by)

/** What holds the engine together, taken away one at a time. */
export const bugs = {
  'a combination may have two runs': {
    schema: 'alter table run drop constraint run_plan_id_combination_key',
    reword: replaced(/on conflict \(plan_id, combination\) do nothing/),
  },
  'a move does not ask whether the attempt is still the one that was claimed': {
    // The claim says the same, so it has to go too.
    reword: replaced(
      /\(status, attempt, claim\) = \(…, …, …::uuid\)/,
      'status = … and …::integer is not null and …::uuid is not null',
    ),
  },
  'a move does not ask whether the status is still the one that was claimed': {
    reword: replaced(
      /\(status, attempt, claim\) = \(…, …, …::uuid\)/,
      '…::text is not null and attempt = … and …::uuid is not null',
    ),
  },
  'a projection does not look again whether data fit': {
    reword: replaced(/where tags @> wanted/, 'where true or tags @> wanted'),
  },
  'a projection does not hold its plan': {
    reword: (statement) =>
      /^\s*select active,/.test(statement) ? statement.replace('for share', '') : statement,
  },
  'facts are not kept until they are matched': {
    schema: `
      create function sim.forget() returns trigger language plpgsql as 'begin return null; end';
      create trigger forget before insert on match_task for each row execute function sim.forget()`,
  },
  'matching forgets facts that it has not read': {
    reword: replaced(
      /delete from match_task where id = any \(…::bigint\[\]\)/,
      'delete from match_task where …::bigint[] is not null',
    ),
  },
  'nobody sweeps': { without: 'sweep' },
} as const satisfies Record<string, Bug>
export type BugName = keyof typeof bugs
