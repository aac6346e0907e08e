import { readFileSync, writeFileSync } from 'node:fs'
import { format, getFileInfo, resolveConfig } from 'prettier'
import { openRoutes, routes } from '#shared/contracts/index.ts'
import { functionsModule } from './functions.ts'
import { deployed } from './knative/deployed.ts'
import { manifests } from './knative/manifests.ts'
import { valuesSchema } from './knative/values.ts'
import { metricsTables } from './metrics-page.ts'
import { alertRules, alertsTable } from './monitoring/alerts.ts'
import { dashboard } from './monitoring/dashboard.ts'
import { newestMigrationModule } from './newest-migration.ts'
import { openapi } from './openapi.ts'
import { problemsTable } from './problems-page.ts'
import { settingsTable } from './settings-page.ts'
import { stateDiagram, triggerTable } from './workflow-diagram.ts'

const root = new URL('../../', import.meta.url)
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  version: string
}

/** Whole files that are derived, and parts of pages between `<!-- name -->` and `<!-- /name -->`. */
const files: Record<string, () => string> = {
  'functions/functions.generated.ts': functionsModule,
  'shared/database/newest-migration.generated.ts': newestMigrationModule,
  'functions/gateway/openapi.generated.json': () =>
    JSON.stringify(openapi([...routes, ...openRoutes], version)),
  'charts/knitfab/monitoring/rules.yaml': alertRules,
  'charts/knitfab/monitoring/dashboard.json': dashboard,
  'charts/knitfab/monitoring/README.md': () =>
    withParts('charts/knitfab/monitoring/README.md', { alerts: alertsTable() }),
  'shared/README.md': () =>
    withParts('shared/README.md', {
      metrics: metricsTables(),
      problems: problemsTable(),
      settings: settingsTable(),
      states: stateDiagram(),
      triggers: triggerTable(),
    }),
}

function withParts(path: string, parts: Record<string, string>): string {
  return Object.entries(parts).reduce(
    (page, [name, text]) => {
      const between = new RegExp(`(<!-- ${name}[^>]*-->)[\\s\\S]*?(<!-- /${name} -->)`)
      if (!between.test(page))
        throw new Error(`${path} has no place for ${name}: <!-- ${name} --> … <!-- /${name} -->`)
      return page.replace(
        between,
        (_, open: string, close: string) => `${open}\n\n${text}\n\n${close}`,
      )
    },
    readFileSync(new URL(path, root), 'utf8'),
  )
}

/** What the command line says of itself. */
async function commandLineFiles(): Promise<typeof files> {
  const [{ referencePage }, { manPage }] = await Promise.all([
    import('../../cli/reference.ts'),
    import('../../cli/man-page.ts'),
  ])
  const [page, manual] = await Promise.all([referencePage(), manPage(version)])
  return { 'cli/REFERENCE.md': () => page, 'cli/knit.1': () => manual }
}

/** What is deployed, which is known once the list of functions is as it should be. */
async function manifestFiles(): Promise<typeof files> {
  const { routeFunctions, stepFunctions } = await import('../../functions/functions.generated.ts')
  const { default: gateway } = await import('../../functions/gateway/function.ts')
  const functions = deployed([...routeFunctions, ...stepFunctions, gateway])
  const made = Object.entries(manifests(functions))
  return {
    ...Object.fromEntries(made.map(([name, text]) => [`knative/manifests/${name}`, () => text])),
    'charts/knitfab/values.schema.json': () => valuesSchema(functions),
  }
}

/** Writes what is derived, or with `--check` only tells what is not as it would be written. */
async function generate(made: typeof files, check: boolean): Promise<string[]> {
  const stale: string[] = []
  for (const [path, make] of Object.entries(made)) {
    const url = new URL(path, root)
    const text = await formatted(url, make())
    if (text === readOr(url)) continue
    stale.push(path)
    if (!check) writeFileSync(url, text)
  }
  return stale
}

/** In the form of everything in the tree; templates of the chart are no YAML yet, and a manual is no language that Prettier knows. */
async function formatted(url: URL, text: string): Promise<string> {
  const { ignored, inferredParser } = await getFileInfo(url, {
    ignorePath: new URL('.prettierignore', root),
  })
  if (ignored || !inferredParser) return text
  return format(text, { ...(await resolveConfig(url)), filepath: url.pathname })
}

function readOr(url: URL): string | undefined {
  try {
    return readFileSync(url, 'utf8')
  } catch {
    return undefined
  }
}

const check = process.argv.includes('--check')
const stale = [...(await generate(files, check)), ...(await generate(await manifestFiles(), check))]
stale.push(...(await generate(await commandLineFiles(), check)))
for (const path of stale)
  console.error(check ? `${path} is stale; run npm run generate` : `wrote ${path}`)
process.exitCode = check && stale.length > 0 ? 1 : 0
