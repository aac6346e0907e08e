import { Config, variableOf } from '#shared/runtime/config.ts'

/** As people would write it. */
function written(value: unknown): string {
  if (Array.isArray(value)) return value.join(' ')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** The settings as a table of Markdown. */
export function settingsTable(): string {
  const defaults = Config.partial().parse({}) as Record<string, unknown>
  const fallbackOf = (setting: string, isOptional: boolean): string => {
    if (!(setting in defaults)) return isOptional ? 'none' : 'required'
    const value = written(defaults[setting])
    return value === '' ? 'none' : `\`${value}\``
  }
  const rows = Object.entries(Config.shape).map(([setting, schema]) => {
    const fallback = fallbackOf(setting, schema.safeParse(undefined).success)
    return `| \`${variableOf(setting)}\` | ${fallback} | ${schema.description ?? ''} |`
  })
  return ['| variable | default | meaning |', '| --- | --- | --- |', ...rows].join('\n')
}
