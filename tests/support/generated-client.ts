import { execFile } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const packages = join(import.meta.dirname, '../../node_modules')

/** What a function of the client resolves with, whatever the status. */
export type Told<T = unknown> = { status: number; headers: Headers; data: T }

/** A client that a generator of others has made of a description: a function for each operation. */
export type GeneratedClient = {
  /** Where and how it asks, unless told otherwise. */
  defaults: { baseUrl?: string; headers?: Record<string, string>; fetch?: typeof fetch }
} & { [operation: string]: (...args: unknown[]) => Promise<Told> }

/**
 * Has a client made in a folder, of the description that is at a URL, as its user would: by the generator's own command. Its
 * types are checked, together with a program that uses it, and then it is loaded.
 */
export async function generateClient(
  folder: string,
  description: string,
  program: string,
): Promise<GeneratedClient> {
  await mkdir(folder)
  await symlink(packages, join(folder, 'node_modules'))
  const client = join(folder, 'client.ts')
  const generator = join(packages, 'oazapfts/dist/cli.js')
  await run(process.execPath, [generator, description, client, '--futureStripLegacyMethods'])
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  await writeFile(join(folder, 'program.ts'), program)
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
  await run(process.execPath, [join(packages, 'typescript/bin/tsc'), '--project', folder]).catch(
    (error: Error & { stdout: string }) => {
      throw new Error(`the client does not compile:\n${error.stdout}`, { cause: error })
    },
  )
  return (await import(/* @vite-ignore */ pathToFileURL(client).href)) as GeneratedClient
}

const compilerOptions = {
  target: 'es2024',
  lib: ['es2024', 'dom', 'dom.iterable'],
  module: 'nodenext',
  types: [],
  strict: true,
  noEmit: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
}
