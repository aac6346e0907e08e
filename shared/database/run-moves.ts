import { runMoves } from '#shared/domain/run-states.ts'

/**
 * The guard of the state table in the database: a move that is not in the table is an error, whoever tries it.
 * Applied after every migration, so that it always says what the table says.
 */
export function runMovesGuard(): string {
  const moves = runMoves().map(([from, to]) => `('${from}', '${to}')`)
  return `
create or replace function run_move_guard() returns trigger language plpgsql as $$
begin
  if (old.status::text, new.status::text) not in (${moves.join(', ')}) then
    raise exception 'run %: the move from % to % is not in the state table', old.id, old.status, new.status
      using errcode = 'check_violation';
  end if;
  return new;
end $$;
create or replace trigger run_move_guard
  before update of status on run
  for each row when (old.status is distinct from new.status)
  execute function run_move_guard();`
}
