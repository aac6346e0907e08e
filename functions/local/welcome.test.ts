import { expect, test } from 'vitest'
import { welcome } from './welcome.ts'

const place = {
  apiRoot: 'http://127.0.0.1:30803/api',
  folder: "/h s/my home's",
  env: {},
  cwd: '/src/poems',
}

test('what is said at a terminal can be pasted, whatever the folder is called', () => {
  expect(welcome({ ...place, atTerminal: true })).toMatchInlineSnapshot(`
    "
    The local home is ready.

      API   http://127.0.0.1:30803/api
      data  /h s/my home's

      knit init '/h s/my home'\\''s/knitprofile'   use it from the current folder
      Ctrl-C                                      stop it
    "
  `)
})

test('without a terminal there is no Ctrl-C to press, and from a checkout knit is called by npx', () => {
  const env = { npm_lifecycle_event: 'start' }
  expect(welcome({ ...place, env, folder: '/h', atTerminal: false })).toMatchInlineSnapshot(`
    "
    The local home is ready.

      API   http://127.0.0.1:30803/api
      data  /h

      npx knit init /h/knitprofile    use it from the current folder
      npx knit local stop --home /h   stop it
    "
  `)
})

test('what npx found elsewhere is called from there', () => {
  const env = { npm_lifecycle_event: 'npx', npm_config_local_prefix: '/src/knitfab' }
  expect(welcome({ ...place, env, folder: '/h', atTerminal: false })).toContain(
    '\n  npx --prefix /src/knitfab knit local stop --home /h   stop it\n',
  )
})
