import { readdirSync } from 'node:fs'

/** A function as the tree says it: a folder with a `function.ts`. */
export type FunctionFolder = { kind: 'api' | 'steps'; name: string; path: string }

const root = new URL('../../functions/', import.meta.url)

/** Every route and step there is, in order of names: the tree is the map. */
export function functionFolders(): FunctionFolder[] {
  return (['api', 'steps'] as const).flatMap((kind) =>
    readdirSync(new URL(`${kind}/`, root), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => ({ kind, name, path: `functions/${kind}/${name}/function.ts` }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  )
}

/** The module that imports them all, for homes that run every function in one process. */
export function functionsModule(): string {
  const folders = functionFolders()
  const variable = (name: string) =>
    name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  const imports = folders.map(
    ({ kind, name }) => `import ${variable(name)} from './${kind}/${name}/function.ts'`,
  )
  const list = (kind: string) =>
    folders.filter((folder) => folder.kind === kind).map(({ name }) => `  ${variable(name)},`)
  return [
    '// Generated from the folders of functions/ by `npm run generate`.',
    ...imports,
    '',
    '/** Every route of the API. */',
    'export const routeFunctions = [',
    ...list('api'),
    ']',
    '',
    '/** Every step of the workflow. */',
    'export const stepFunctions = [',
    ...list('steps'),
    ']',
    '',
  ].join('\n')
}
