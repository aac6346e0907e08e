export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Structured fields of a line. Values are plain; secrets never belong here. */
export type LogFields = Record<string, unknown>

/** Writes one structured line per call; `child` adds fields to every line that follows. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  child(fields: LogFields): Log
}
