console.log('examples')
