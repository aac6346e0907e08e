import { expect, test } from 'vitest'
import { configFrom } from '#shared/runtime/config.ts'
import { settingsTable } from './settings-page.ts'

const needed = { KNIT_DATABASE_URL: 'postgres://u:p@h/d', KNIT_SIGNING_KEY: 'k'.repeat(32) }

test('each default is shown as it would be given', () => {
  const rows = [...settingsTable().matchAll(/^\| `(KNIT_\w+)` \| `(.+?)` \|/gm)]
  const shown = Object.fromEntries(rows.map(([, variable = '', value = '']) => [variable, value]))
  expect(shown).toMatchObject({ KNIT_OIDC_SCOPES: 'openid profile email offline_access' })
  expect(configFrom({ ...needed, ...shown })).toEqual(configFrom(needed))
})
