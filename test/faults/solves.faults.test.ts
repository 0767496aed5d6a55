import { faultTests } from './campaign.js'

faultTests(['solve', 'limit', 'recovery', 'close'], {
  errors: { sample: 3, usual: 40 },
  kills: { sample: 1, usual: 20 },
  bytes: { sample: 1, usual: 12 },
})
faultTests(['solve'], { descriptors: { sample: 1, usual: 8 }, stops: { sample: 0, usual: 3 } })
