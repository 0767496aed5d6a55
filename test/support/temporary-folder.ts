import { expect } from 'vitest'
import { enterFile } from '../../scripts/leftovers.mjs'

// Loaded before each test file: what it leaves in its temporary folder is reported by scripts/test.mjs.
enterFile(expect.getState().testPath ?? '')
