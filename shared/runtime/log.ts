import type { Log, LogFields, LogLevel } from '#shared/ports/log.ts'

const levels: LogLevel[] = ['debug', 'info', 'warn', 'error']

export type LogOptions = {
  format: 'json' | 'text'
  level: LogLevel
  write?: (line: string) => void
}

/** A log of lines on stderr: JSON for machines, text for people. */
export function createLog(options: LogOptions, fields: LogFields = {}): Log {
  const write = options.write ?? ((line: string) => process.stderr.write(line))
  const line = options.format === 'json' ? jsonLine : textLine
  const at =
    (level: LogLevel) =>
    (message: string, more: LogFields = {}) => {
      if (levels.indexOf(level) < levels.indexOf(options.level)) return
      write(line(level, message, { ...fields, ...more }))
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => createLog(options, { ...fields, ...more }),
  }
}

function jsonLine(level: LogLevel, message: string, fields: LogFields): string {
  return `${JSON.stringify({ time: new Date().toISOString(), level, message, ...plain(fields) })}\n`
}

/** Traces are for machines that gather them: here they would only be in the way. */
function textLine(level: LogLevel, message: string, fields: LogFields): string {
  const { error, trace: _, ...rest } = plain(fields)
  const pairs = Object.entries(rest)
    .filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([key, value]) => ` ${key}=${shown(value)}`)
  const cause = error ? `\n  ${String(error).replaceAll('\n', '\n  ')}` : ''
  return `${localTime()} ${level === 'info' ? '' : `${level}: `}${message}${pairs.join('')}${cause}\n`
}

const shown = (value: unknown): string =>
  typeof value === 'string' && !/[\s"]/.test(value) ? value : JSON.stringify(value)

/** Now, as the clock on the wall has it: `2026-11-05 09:07:00`. Swedes write it like that. */
const localTime = (): string => new Date().toLocaleString('sv-SE')

function plain(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      value instanceof Error ? errorText(value) : value,
    ]),
  )
}

/** An error with its whole chain of causes, for logs only. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = error.stack ?? `${error.name}: ${error.message}`
  return error.cause === undefined ? own : `${own}\ncaused by ${errorText(error.cause)}`
}
