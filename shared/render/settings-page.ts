import { Config, variableOf } from '#shared/runtime/config.ts'

/** The settings as a table of Markdown. */
export function settingsTable(): string {
  const defaults = Config.partial().parse({}) as Record<string, unknown>
  const fallbackOf = (setting: string, isOptional: boolean): string => {
    if (!(setting in defaults)) return isOptional ? 'none' : 'required'
    const value = String(defaults[setting])
    return value === '' ? 'none' : `\`${value}\``
  }
  const rows = Object.entries(Config.shape).map(([setting, schema]) => {
    const fallback = fallbackOf(setting, schema.safeParse(undefined).success)
    return `| \`${variableOf(setting)}\` | ${fallback} | ${schema.description ?? ''} |`
  })
  return ['| variable | default | meaning |', '| --- | --- | --- |', ...rows].join('\n')
}
