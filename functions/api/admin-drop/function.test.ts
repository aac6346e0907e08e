import { testTaking } from '#tests/support/dead-events.ts'
import drop from './function.ts'

testTaking(drop, { path: '/api/admin/events/drop', done: 'dropped', published: 0 })
