import type { Log, LogFields, LogLevel } from '#shared/ports/log.ts'

const levels: LogLevel[] = ['debug', 'info', 'warn', 'error']

export type LogOptions = {
  format: 'json' | 'text'
  level: LogLevel
  write?: (line: string) => void
}

/** A log of lines on stderr: JSON for machines, text for people. */
export const createLog = (options: LogOptions, fields: LogFields = {}): Log =>
  new LineLog(options, fields)

class LineLog implements Log {
  readonly #options: LogOptions
  readonly #fields: LogFields

  constructor(options: LogOptions, fields: LogFields) {
    this.#options = options
    this.#fields = fields
  }

  debug(message: string, fields?: LogFields): void {
    this.#tell('debug', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#tell('info', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#tell('warn', message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#tell('error', message, fields)
  }

  child(fields: LogFields): Log {
    return new LineLog(this.#options, { ...this.#fields, ...fields })
  }

  #tell(level: LogLevel, message: string, fields?: LogFields): void {
    const { format, level: least, write = toStderr } = this.#options
    if (levels.indexOf(level) < levels.indexOf(least)) return
    const line = format === 'json' ? jsonLine : textLine
    write(line(level, message, plain({ ...this.#fields, ...fields })))
  }
}

const toStderr = (line: string): void => void process.stderr.write(line)

function jsonLine(level: LogLevel, message: string, fields: LogFields): string {
  return `${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`
}

/** Traces are for machines that gather them: here they would only be in the way. */
function textLine(level: LogLevel, message: string, fields: LogFields): string {
  const { error, trace: _, ...rest } = fields
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

/** With errors as text, in place. */
function plain(fields: LogFields): LogFields {
  for (const key in fields) if (fields[key] instanceof Error) fields[key] = errorText(fields[key])
  return fields
}

/** An error with its whole chain of causes, for logs only. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = error.stack ?? `${error.name}: ${error.message}`
  return error.cause === undefined ? own : `${own}\ncaused by ${errorText(error.cause)}`
}
