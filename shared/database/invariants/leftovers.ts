import { isHeldBack } from '../hooks.ts'
import { overdue, type Invariant } from './invariant.ts'

export const leftoverInvariants: Invariant[] = [
  {
    sentence: 'No event waits to be published for long.',
    broken: (sql, moment) => sql`
      select 'event ' || id || ' ' || type as thing
        from outbox
       where ${overdue(sql, 'created_at', moment)}`,
  },
  {
    sentence: 'No event is dead.',
    broken: (sql) => sql`
      select 'event ' || id || ' ' || (event ->> 'name') || ' of ' || (event ->> 'subject')
             || ', given up by ' || step || case times when 1 then '' else ' ' || times || ' times' end || ': ' || split_part(cause, e'\\n', 1) as thing
        from dead_letter`,
  },
  {
    sentence: 'No call of an after-hook is left that nobody makes.',
    // One that is put off holds back those behind it, which may be due for long, and are not made before it was taken.
    broken: (sql, moment) => sql`
      select 'hook delivery ' || id || ' of run ' || run_id as thing
        from hook_delivery as delivery
       where delivered_at is null
         and failures < ${moment.maxHookFailures}
         and (${moment.patience} = 0 or ${overdue(sql, 'due_at', moment)})
         and (claim is null or ${overdue(sql, 'claimed_until', moment)})
         and not ${isHeldBack(sql, moment.maxHookFailures)}
         and not exists (
               select from hook_delivery as taken
                where taken.run_id = delivery.run_id
                  and taken.url = delivery.url
                  and taken.recorded < delivery.recorded
                  and not ${overdue(sql, 'taken.delivered_at', moment)}
             )`,
  },
  {
    sentence: 'No volume is left that nobody deletes.',
    broken: (sql, moment) => sql`
      select 'volume ' || volume as thing
        from garbage
       where ${moment.patience} = 0
          or ${overdue(sql, 'due_at', moment)}`,
  },
  {
    sentence: 'No secret is kept where people read.',
    broken: (sql, { secrets }) => sql`
      select thing
        from (
          select 'run ' || id as thing, reason as text from run
           union all
          select 'history of run ' || run_id, reason from run_history
           union all
          select 'run ' || run_id || ' attempt ' || number, exit_message from attempt
           union all
          select 'dead letter ' || id, cause || event from dead_letter
           union all
          select 'hook delivery ' || id, concat(body, last_error) from hook_delivery
           union all
          select 'volume ' || volume, reason from garbage
        ) as kept
       where exists (select from unnest(${[...secrets]}::text[]) as secret where position(secret in text) > 0)
          or exists (
               select
                 from regexp_matches(text, 'knit_[0-9a-f]{72}', 'g') as found (words)
                 join token on hash = sha256(convert_to(words[1], 'UTF8'))
                where revoked_at is null
                  and expires_at > now()
             )`,
  },
]
