import { execFileSync } from 'node:child_process'

const root = new URL('../../', import.meta.url).pathname

/** Builds everything into a folder, as `npm run build` does. */
export const build = (folder: string): void => {
  execFileSync(process.execPath, ['esbuild.config.mjs', folder], { cwd: root })
}

/** For a test that builds, or that may be the first to wait for that. */
export const building = { timeout: 300_000 }
