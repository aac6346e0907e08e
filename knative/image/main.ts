import { execFileSync } from 'node:child_process'
import { Misused, runProgram } from '#shared/runtime/command-line.ts'
import { makeContext } from './context.ts'

const root = new URL('../../', import.meta.url).pathname

const usage = `Usage: npm run image [-- FOLDER]

Builds every function, and puts into FOLDER (dist/image) what docker, podman or buildah makes an image of:

  podman build --timestamp 0 --tag knitfab dist/image
  SOURCE_DATE_EPOCH=0 docker build --tag knitfab dist/image
`

process.exitCode = await runProgram({
  usage,
  options: {},
  takesWords: true,
  run(_options, [folder = 'dist/image', ...more]) {
    if (more.length > 0) throw new Misused(`Too many folders: ${more.join(', ')}`)
    execFileSync(process.execPath, ['esbuild.config.mjs'], { cwd: root, stdio: 'inherit' })
    makeContext({ dist: `${root}dist`, folder })
    console.log(`An image can be built of ${folder}/`)
  },
})
