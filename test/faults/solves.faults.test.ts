import { faultTests } from './campaign.js'

faultTests(['solve'], {
  errors: { sample: 3, usual: 40 },
  kills: { sample: 1, usual: 16 },
  bytes: { sample: 1, usual: 12 },
  descriptors: { sample: 1, usual: 30 },
  stops: { sample: 0, usual: 3 },
})
faultTests(['limit', 'recovery', 'close'], {
  errors: { sample: 2, usual: 24 },
  kills: { sample: 1, usual: 12 },
  bytes: { sample: 1, usual: 8 },
})
