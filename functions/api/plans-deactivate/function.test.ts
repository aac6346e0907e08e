import { testActivity } from '#tests/support/activity.ts'
import deactivate from './function.ts'

testActivity(deactivate, false)
