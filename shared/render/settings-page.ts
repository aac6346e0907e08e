import { Config, variableOf } from '#shared/runtime/config.ts'

/** The settings as a table of Markdown. */
export function settingsTable(): string {
  const defaults = Config.partial().parse({}) as Record<string, unknown>
  const rows = Object.entries(Config.shape).map(([setting, schema]) => {
    const fallback = setting in defaults ? `\`${String(defaults[setting])}\`` : 'required'
    return `| \`${variableOf(setting)}\` | ${fallback} | ${schema.description ?? ''} |`
  })
  return ['| variable | default | meaning |', '| --- | --- | --- |', ...rows].join('\n')
}
