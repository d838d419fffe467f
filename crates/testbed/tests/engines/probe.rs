use testbed::Postgres;
#[tokio::test]
async fn probe() {
    let database = Postgres::database().await.expect("pg");
    let db = database.open().await.expect("opens");
    let mut tx = db.begin().await.expect("begins");
    tx.share_host("h").await.expect("queues");
    println!("{:?}", tx.agents_of_host("h").await.map(|_| ()));
    println!("{:?}", tx.commit().await);
    let mut tx = db.begin().await.expect("begins");
    tx.lock_host("h").await.expect("queues");
    println!("{:?}", tx.agents_of_host("h").await.map(|_| ()));
    println!("{:?}", tx.commit().await);
}
