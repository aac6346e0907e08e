import type { Script } from 'node:vm'

/** Where the code that V8 has compiled for a script is kept. */
export const cacheOf = (path: string): string => `${path}.cache`

/**
 * Runs a bundled CommonJS script with the code that was compiled for it when it was built, which is kept beside it. Without
 * that, or with another V8, it is compiled as usual.
 */
export function loadScript<T>(path: string): { exports: T; script: Script } {
  // Not imported, and not before they are needed: what is started listens first.
  const { existsSync, readFileSync } = process.getBuiltinModule('node:fs')
  const { createRequire } = process.getBuiltinModule('node:module')
  const { Script } = process.getBuiltinModule('node:vm')
  const text = readFileSync(path, 'utf8')
  const cachedData = existsSync(cacheOf(path)) ? readFileSync(cacheOf(path)) : undefined
  const script = new Script(`(function (exports, require, module) {${text}\n})`, {
    filename: path,
    ...(cachedData && { cachedData }),
  })
  const module = { exports: {} as T }
  const run = script.runInThisContext() as (
    exports: T,
    require: NodeJS.Require,
    module: { exports: T },
  ) => void
  run(module.exports, createRequire(path), module)
  return { exports: module.exports, script }
}
